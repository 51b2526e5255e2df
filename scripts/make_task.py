"""Make the training and test pairs of a task, or check and copy those that the user brings."""

from sparse_circuits.command import program
from sparse_circuits.steps.make_task import step

program(step)
