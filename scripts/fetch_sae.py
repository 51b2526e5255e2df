"""Fetch one published sparse autoencoder and write it as an SAELens folder."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.catalogue import PublishedSAE
from sparse_circuits.sae.formats.registry import convert_published
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Arguments:
    model: str
    """name of the model it was trained on"""
    site: str
    """site it was trained on"""
    entry: str
    """its format and sources, as JSON"""
    folder: Path
    """where to write cfg.json, sae_weights.safetensors, sparsity.safetensors and an empty training.csv"""


def main(args: Arguments) -> None:
    entry = validate(PublishedSAE, args.entry, f"autoencoder at {args.site}")
    args.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.folder.parent, prefix=".fetch.") as temporary:
        files = fetch(entry.sources, Path(temporary), f"autoencoder at {args.site}")
        convert_published(entry, files, args.model, args.site, args.folder)


if __name__ == "__main__":
    program(main, Arguments)
