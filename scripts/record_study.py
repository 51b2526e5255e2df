from sparse_circuits.command import program
from sparse_circuits.steps.record_study import step

program(step)
