from sparse_circuits.command import program
from sparse_circuits.steps.judge_transfer import step

program(step)
