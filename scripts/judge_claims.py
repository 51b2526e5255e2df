from sparse_circuits.command import program
from sparse_circuits.steps.judge_claims import step

program(step)
