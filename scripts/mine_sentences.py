"""Mine the corpus for beginnings of sentences that stop where a verb shows the subject's number."""

from sparse_circuits.command import program
from sparse_circuits.steps import mine_sentences

if __name__ == "__main__":
    program(mine_sentences.step)
