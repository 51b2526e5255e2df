"""Choose the nodes of a circuit by their scores, and weigh the edges between them."""

from sparse_circuits.command import program
from sparse_circuits.steps import find_circuit

if __name__ == "__main__":
    program(find_circuit.step)
