from sparse_circuits.command import program
from sparse_circuits.steps.interpret_channels import step

program(step)
