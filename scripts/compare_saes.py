"""Tell how much sparse autoencoders agree on the features, such as those that differ in their seed alone."""

from sparse_circuits.command import program
from sparse_circuits.steps.compare_saes import step

program(step)
