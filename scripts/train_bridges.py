"""Train bridges between a dense and a sparse model, and carry interventions on sparse circuits over them."""

from sparse_circuits.command import program
from sparse_circuits.steps.train_bridges import step

program(step)
