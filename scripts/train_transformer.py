"""Train a transformer with almost all weights zero, or a dense one, and measure its loss on held-out documents."""

from sparse_circuits.command import program
from sparse_circuits.steps import train_transformer

if __name__ == "__main__":
    program(train_transformer.step)
