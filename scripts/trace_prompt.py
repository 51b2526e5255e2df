from sparse_circuits.command import program
from sparse_circuits.steps.trace_prompt import step

program(step)
