from sparse_circuits.command import program
from sparse_circuits.steps.interpret_nodes import step

program(step)
