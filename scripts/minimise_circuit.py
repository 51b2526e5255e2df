from sparse_circuits.command import program
from sparse_circuits.steps.minimise_circuit import step

program(step)
