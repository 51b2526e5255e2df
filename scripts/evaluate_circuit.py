"""Judge circuits on held-out pairs: faithfulness and completeness over sizes, beside random circuits."""

from sparse_circuits.command import program
from sparse_circuits.steps.evaluate_circuit import step

program(step)
