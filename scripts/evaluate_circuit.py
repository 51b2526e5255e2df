from sparse_circuits.command import program
from sparse_circuits.steps.evaluate_circuit import step

program(step)
