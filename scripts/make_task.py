"""Make the training and test pairs of a task, or check and copy those that the user brings."""

from sparse_circuits.command import program
from sparse_circuits.steps import make_task

if __name__ == "__main__":
    program(make_task.step)
