from sparse_circuits.command import program
from sparse_circuits.steps.run_shift import step

program(step)
