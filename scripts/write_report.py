from sparse_circuits.command import program
from sparse_circuits.steps.write_report import step

program(step)
