"""Fetch one published sparse autoencoder and write it as an SAELens folder."""

from sparse_circuits.command import program
from sparse_circuits.steps import fetch_sae

if __name__ == "__main__":
    program(fetch_sae.step)
