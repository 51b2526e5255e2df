"""Print the verdicts on claims; exit with 1 when one fails, so that a model can be gated in CI."""

from sparse_circuits.command import program
from sparse_circuits.steps.gate_claims import step

program(step)
