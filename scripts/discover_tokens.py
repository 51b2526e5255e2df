from sparse_circuits.command import program
from sparse_circuits.steps.discover_tokens import step

program(step)
