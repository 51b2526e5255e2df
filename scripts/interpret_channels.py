"""Describe the channels of a study's circuits: the images and places where each is high, and their classes."""

from sparse_circuits.command import program
from sparse_circuits.steps.interpret_channels import step

program(step)
