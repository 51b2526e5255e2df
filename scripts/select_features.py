from sparse_circuits.command import program
from sparse_circuits.steps.select_features import step

program(step)
