"""Find tokens that the model predicts well, and describe each by what every feature adds to its prediction."""

from sparse_circuits.command import program
from sparse_circuits.steps.discover_tokens import step

program(step)
