from sparse_circuits.command import program
from sparse_circuits.steps.plan_cache import step

program(step)
