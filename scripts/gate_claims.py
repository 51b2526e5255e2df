"""Print the verdicts on claims; exit with 1 when one fails, so that a model can be gated in CI."""

from sparse_circuits.command import program
from sparse_circuits.steps import gate_claims

if __name__ == "__main__":
    program(gate_claims.step)
