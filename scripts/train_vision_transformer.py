"""Train a small Vision Transformer, dense or with almost all weights zero, and measure its accuracy on test images."""

from sparse_circuits.command import program
from sparse_circuits.steps.train_vision_transformer import step

program(step)
