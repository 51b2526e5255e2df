from sparse_circuits.command import program
from sparse_circuits.steps.prune_task import step

program(step)
