"""Find the smallest circuit of one model for one task, and judge it on the test pairs."""

from sparse_circuits.command import program
from sparse_circuits.steps.prune_task import step

program(step)
