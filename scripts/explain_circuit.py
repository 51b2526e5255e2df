from sparse_circuits.command import program
from sparse_circuits.steps.explain_circuit import step

program(step)
