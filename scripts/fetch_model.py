"""Fetch a model and turn it into an ordinary Hugging Face folder."""

from sparse_circuits.command import program
from sparse_circuits.steps import fetch_model

if __name__ == "__main__":
    program(fetch_model.step)
