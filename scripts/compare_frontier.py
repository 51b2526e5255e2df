"""Set pretraining loss beside the size of circuits, for sparse models and their dense twins."""

from sparse_circuits.command import program
from sparse_circuits.steps.compare_frontier import step

program(step)
