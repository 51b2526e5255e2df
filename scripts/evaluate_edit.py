from sparse_circuits.command import program
from sparse_circuits.steps.evaluate_edit import step

program(step)
