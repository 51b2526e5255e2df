"""Evaluate one sparse autoencoder or transcoder on held-out text, by itself and inside the model."""

from sparse_circuits.command import program
from sparse_circuits.steps.evaluate_sae import step

program(step)
