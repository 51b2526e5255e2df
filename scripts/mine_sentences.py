from sparse_circuits.command import program
from sparse_circuits.steps.mine_sentences import step

program(step)
