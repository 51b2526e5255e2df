"""Describe the features of a study's circuits at one site: where they are active, what drives and follows them."""

from sparse_circuits.command import program
from sparse_circuits.steps import interpret_nodes

if __name__ == "__main__":
    program(interpret_nodes.step)
