"""Train a byte-level BPE on a corpus."""

from sparse_circuits.command import program
from sparse_circuits.steps import train_tokenizer

if __name__ == "__main__":
    program(train_tokenizer.step)
