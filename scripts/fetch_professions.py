from sparse_circuits.command import program
from sparse_circuits.steps.fetch_professions import step

program(step)
