"""Score every node by how much of the metric's change goes through it."""

from sparse_circuits.command import program
from sparse_circuits.steps import score_nodes

if __name__ == "__main__":
    program(score_nodes.step)
