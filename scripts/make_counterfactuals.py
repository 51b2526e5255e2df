from sparse_circuits.command import program
from sparse_circuits.steps.make_counterfactuals import step

program(step)
