from sparse_circuits.command import program
from sparse_circuits.steps.find_circuit import step

program(step)
