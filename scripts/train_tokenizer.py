"""Train a byte-level BPE on a corpus."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.weight_sparse.tokenizer import train_tokenizer


@dataclass(frozen=True)
class Arguments:
    documents: Path
    """documents.jsonl of the corpus"""
    vocabulary: int
    """tokens"""
    name: str
    """name of the tokenizer"""
    folder: Path
    """folder to write"""


def main(args: Arguments) -> None:
    train_tokenizer(args.documents, args.vocabulary, args.name, args.folder)


if __name__ == "__main__":
    program(main, Arguments)
