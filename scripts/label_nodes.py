"""Have a language model label the nodes of a site, and judge how well each label finds the node's activations."""

from sparse_circuits.command import program
from sparse_circuits.steps.label_nodes import step

program(step)
