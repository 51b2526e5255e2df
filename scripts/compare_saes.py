from sparse_circuits.command import program
from sparse_circuits.steps.compare_saes import step

program(step)
