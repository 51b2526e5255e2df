from sparse_circuits.command import program
from sparse_circuits.steps.score_nodes import step

program(step)
