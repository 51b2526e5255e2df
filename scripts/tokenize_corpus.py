"""Cut a corpus into token sequences of one length, for training and for evaluation."""

from sparse_circuits.command import program
from sparse_circuits.steps.tokenize_corpus import step

program(step)
