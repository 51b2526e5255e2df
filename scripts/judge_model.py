from sparse_circuits.command import program
from sparse_circuits.steps.judge_model import step

program(step)
