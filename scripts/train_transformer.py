"""Train a transformer with almost all weights zero, or a dense one, and measure its loss on held-out documents."""

from sparse_circuits.command import program
from sparse_circuits.steps.train_transformer import step

program(step)
