"""Fetch a model and turn it into an ordinary Hugging Face folder."""

from sparse_circuits.command import program
from sparse_circuits.steps.fetch_model import step

program(step)
