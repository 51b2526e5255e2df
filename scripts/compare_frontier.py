"""Set pretraining loss beside the size of circuits, for sparse models and their dense twins."""

from sparse_circuits.command import program
from sparse_circuits.steps import compare_frontier

if __name__ == "__main__":
    program(compare_frontier.step)
