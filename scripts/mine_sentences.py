"""Mine the corpus for beginnings of sentences that stop where a verb shows the subject's number."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.command import program
from sparse_circuits.files import read_jsonl
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.tasks.natural import natural_pairs
from sparse_circuits.tasks.pair import write_pairs


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model whose tokenizer to use"""
    documents: Path
    """documents of the corpus"""
    sequences: Path
    """sequences of the activation cache: documents that autoencoders were trained on are left out"""
    sentences: int
    """sentences to fit on, and as many to judge by"""
    shortest: int
    """fewest tokens of a prefix"""
    longest: int
    """most tokens of a prefix"""
    fit: Path
    """JSON lines to write"""
    judge: Path
    """JSON lines to write"""
    seed: int = 0
    """which documents fall into which half"""


def main(args: Arguments) -> None:
    texts = [row["text"] for row in read_jsonl(args.documents)]
    used = set(read_sequences(args.sequences, "train").document.tolist())
    lengths = range(args.shortest, args.longest + 1)
    halves = natural_pairs(texts, used, lengths, args.sentences, args.seed, load_tokenizer(args.model))
    for path, pairs in zip((args.fit, args.judge), halves, strict=True):
        write_pairs(path, pairs)


if __name__ == "__main__":
    program(main, Arguments)
