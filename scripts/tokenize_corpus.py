"""Cut a corpus into token sequences of one length, for training and for evaluation."""

from sparse_circuits.command import program
from sparse_circuits.steps import tokenize_corpus

if __name__ == "__main__":
    program(tokenize_corpus.step)
