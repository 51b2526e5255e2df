from sparse_circuits.command import program
from sparse_circuits.steps.fetch_sae import step

program(step)
