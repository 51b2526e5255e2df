from sparse_circuits.command import program
from sparse_circuits.steps.train_sae import step

program(step)
