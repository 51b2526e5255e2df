"""Say what each node of a circuit of a weight-sparse transformer tells and does, and test it on the test pairs."""

from sparse_circuits.command import program
from sparse_circuits.steps.explain_circuit import step

program(step)
