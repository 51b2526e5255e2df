from sparse_circuits.command import program
from sparse_circuits.steps.discover_circuits import step

program(step)
