"""Fetch a corpus and write its documents, one JSON object a line."""

from sparse_circuits.command import program
from sparse_circuits.steps import fetch_corpus

if __name__ == "__main__":
    program(fetch_corpus.step)
