from sparse_circuits.command import program
from sparse_circuits.steps.prove_circuit import step

program(step)
