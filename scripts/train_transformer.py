from sparse_circuits.command import program
from sparse_circuits.steps.train_transformer import step

program(step)
