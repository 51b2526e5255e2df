"""Find the smallest circuit of one model for one task, and judge it on the test pairs."""

from sparse_circuits.command import program
from sparse_circuits.steps import prune_task

if __name__ == "__main__":
    program(prune_task.step)
