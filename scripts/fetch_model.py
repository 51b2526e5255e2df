from sparse_circuits.command import program
from sparse_circuits.steps.fetch_model import step

program(step)
