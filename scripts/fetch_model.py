"""Fetch a language model and turn it into an ordinary Hugging Face folder."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.catalogue import Model
from sparse_circuits.models.convert import convert
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Arguments:
    name: str
    """name of the model"""
    entry: str
    """the model's entry of config/models.yaml, as JSON"""
    folder: Path
    """where to write config.json, model.safetensors, tokenizer files and model_card.json"""


def main(args: Arguments) -> None:
    entry = validate(Model, args.entry, f"model {args.name}")
    args.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.folder.parent, prefix=".fetch.") as temporary:
        fetch(entry.sources, Path(temporary), f"model {args.name}")
        convert(args.name, entry, Path(temporary), args.folder)


if __name__ == "__main__":
    program(main, Arguments)
