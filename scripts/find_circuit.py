"""Choose the nodes of a circuit by their scores, and weigh the edges between them."""

from sparse_circuits.command import program
from sparse_circuits.steps.find_circuit import step

program(step)
