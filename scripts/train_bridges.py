from sparse_circuits.command import program
from sparse_circuits.steps.train_bridges import step

program(step)
