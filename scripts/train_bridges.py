"""Train bridges between a dense and a sparse model, and carry interventions on sparse circuits over them."""

from sparse_circuits.command import program
from sparse_circuits.steps import train_bridges

if __name__ == "__main__":
    program(train_bridges.step)
