"""Train a small Vision Transformer, dense or with almost all weights zero, and measure its accuracy on test images."""

from sparse_circuits.command import program
from sparse_circuits.steps import train_vision_transformer

if __name__ == "__main__":
    program(train_vision_transformer.step)
