"""Train sparse autoencoders, or transcoders, on cached activations, all in one pass."""

from sparse_circuits.command import program
from sparse_circuits.steps.train_sae import step

program(step)
