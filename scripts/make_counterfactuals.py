"""Make class averages and counterfactual images of tasks on images."""

from sparse_circuits.command import program
from sparse_circuits.steps import make_counterfactuals

if __name__ == "__main__":
    program(make_counterfactuals.step)
