from sparse_circuits.command import program
from sparse_circuits.steps.gate_claims import step

program(step)
