"""Make the pairs of a task, or check and copy those that the user brings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sparse_circuits.command import program
from sparse_circuits.models import load_tokenizer, model_card
from sparse_circuits.tasks import agreement_pairs, encode_pairs, read_pairs, write_pairs


@dataclass(frozen=True)
class Agreement:
    template: Literal["simple", "nounpp", "rc", "within_rc"]
    """construction"""
    count: int
    """number of pairs"""
    seed: int = 0
    """which pairs are drawn"""


@dataclass(frozen=True)
class File:
    path: Path
    """the user's pairs, JSON lines"""


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model whose tokenizer to use"""
    split: Literal["train", "test"]
    """which word lists to use"""
    pairs: Path
    """JSON lines to write"""
    source: Annotated[
        Annotated[Agreement, tyro.conf.subcommand("agreement")] | Annotated[File, tyro.conf.subcommand("file")],
        tyro.conf.arg(name=""),
    ]
    """where the pairs come from"""


def main(args: Arguments) -> None:
    tokenizer = load_tokenizer(args.model)
    if isinstance(args.source, Agreement):
        source = args.source
        pairs = agreement_pairs(source.template, args.split, source.count, source.seed, tokenizer)
    else:
        pairs = read_pairs(args.source.path)
    encode_pairs(pairs, tokenizer, model_card(args.model)["document_separator_id"])
    write_pairs(args.pairs, pairs)


if __name__ == "__main__":
    program(main, Arguments)
