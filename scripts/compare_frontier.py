from sparse_circuits.command import program
from sparse_circuits.steps.compare_frontier import step

program(step)
