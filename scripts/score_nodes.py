"""Score every node by how much of the metric's change goes through it."""

from sparse_circuits.command import program
from sparse_circuits.steps.score_nodes import step

program(step)
