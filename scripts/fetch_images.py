from sparse_circuits.command import program
from sparse_circuits.steps.fetch_images import step

program(step)
