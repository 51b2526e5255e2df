"""Write manifest.json and stats.json of an activation cache."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations import build_manifest
from sparse_circuits.command import program


@dataclass(frozen=True)
class Arguments:
    folder: Path
    """folder of the cache"""
    sequences: Path
    """HDF5 file of the token sequences it was made from"""
    shards: list[Path]
    """its shards"""


def main(args: Arguments) -> None:
    build_manifest(args.folder, args.sequences, args.shards)


if __name__ == "__main__":
    program(main, Arguments)
