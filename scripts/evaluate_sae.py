"""Evaluate one sparse autoencoder or transcoder on held-out text, by itself and inside the model."""

from sparse_circuits.command import program
from sparse_circuits.steps import evaluate_sae

if __name__ == "__main__":
    program(evaluate_sae.step)
