from sparse_circuits.command import program
from sparse_circuits.steps.tokenize_corpus import step

program(step)
