"""Describe the features of a study's circuits at one site: where they are active, what drives and follows them."""

from sparse_circuits.command import program
from sparse_circuits.steps.interpret_nodes import step

program(step)
