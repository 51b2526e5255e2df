from sparse_circuits.command import program
from sparse_circuits.steps.probe_sae import step

program(step)
