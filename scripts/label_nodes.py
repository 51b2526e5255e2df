from sparse_circuits.command import program
from sparse_circuits.steps.label_nodes import step

program(step)
