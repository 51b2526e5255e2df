"""Fetch labelled images and write them as one HDF5 file."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.errors import StudyError
from sparse_circuits.sources.images import write_images
from sparse_circuits.sources.photographs import write_photographs
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Arguments:
    name: str
    """name of the dataset"""
    entry: str
    """the dataset's entry of config/datasets.yaml, as JSON"""
    images: Path
    """where to write images.h5"""


def main(args: Arguments) -> None:
    entry = validate(Dataset, args.entry, f"dataset {args.name}")
    if entry.pictures is None:
        raise StudyError(f"dataset {args.name} is of format {entry.format}, not images")
    args.images.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.images.parent, prefix=".fetch.") as temporary:
        files = fetch(entry.sources, Path(temporary), f"dataset {args.name}")
        if entry.images:
            count = write_images(args.name, entry.images, files, args.images)
        else:
            assert entry.photographs
            count = write_photographs(args.name, entry.photographs, files, args.images)
    print(f"{count} images")


if __name__ == "__main__":
    program(main, Arguments)
