"""Train sparse autoencoders, or transcoders, on cached activations, all in one pass."""

from sparse_circuits.command import program
from sparse_circuits.steps import train_sae

if __name__ == "__main__":
    program(train_sae.step)
