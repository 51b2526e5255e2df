"""Fetch a corpus and write its documents, one JSON object a line."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.sources.documents import write_documents
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Arguments:
    name: str
    """name of the corpus"""
    entry: str
    """the corpus' entry of config/datasets.yaml, as JSON"""
    documents: Path
    """where to write documents.jsonl"""


def main(args: Arguments) -> None:
    entry = validate(Dataset, args.entry, f"corpus {args.name}")
    args.documents.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.documents.parent, prefix=".fetch.") as temporary:
        files = fetch(entry.sources, Path(temporary), f"corpus {args.name}")
        count = write_documents(args.name, entry, files, args.documents)
    print(f"{count} documents")


if __name__ == "__main__":
    program(main, Arguments)
