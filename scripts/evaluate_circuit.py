"""Judge circuits on held-out pairs: faithfulness and completeness over sizes, beside random circuits."""

from sparse_circuits.command import program
from sparse_circuits.steps import evaluate_circuit

if __name__ == "__main__":
    program(evaluate_circuit.step)
