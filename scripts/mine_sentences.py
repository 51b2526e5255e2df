"""Mine the corpus for beginnings of sentences that stop where a verb shows the subject's number."""

from sparse_circuits.command import program
from sparse_circuits.steps.mine_sentences import step

program(step)
