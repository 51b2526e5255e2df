"""Fetch lists of professions and write them as one, with stereotypes and shares of women."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.sources.professions import write_professions
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Arguments:
    name: str
    """name of the lists"""
    entry: str
    """their entry of config/datasets.yaml, as JSON"""
    professions: Path
    """JSON file to write"""


def main(args: Arguments) -> None:
    entry = validate(Dataset, args.entry, f"professions {args.name}")
    args.professions.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.professions.parent, prefix=".fetch.") as temporary:
        files = fetch(entry.sources, Path(temporary), f"professions {args.name}")
        count = write_professions(args.name, files, args.professions)
    print(f"{count} professions")


if __name__ == "__main__":
    program(main, Arguments)
