from sparse_circuits.command import program
from sparse_circuits.steps.evaluate_sae import step

program(step)
