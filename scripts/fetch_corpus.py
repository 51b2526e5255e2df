from sparse_circuits.command import program
from sparse_circuits.steps.fetch_corpus import step

program(step)
