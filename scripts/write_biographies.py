from sparse_circuits.command import program
from sparse_circuits.steps.write_biographies import step

program(step)
