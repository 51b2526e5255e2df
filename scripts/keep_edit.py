from sparse_circuits.command import program
from sparse_circuits.steps.keep_edit import step

program(step)
