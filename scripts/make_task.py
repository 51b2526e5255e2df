from sparse_circuits.command import program
from sparse_circuits.steps.make_task import step

program(step)
