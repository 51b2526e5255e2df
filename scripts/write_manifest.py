"""Write manifest.json and stats.json of an activation cache."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.manifest import build_manifest
from sparse_circuits.command import program


@dataclass(frozen=True)
class Arguments:
    folder: Path
    """folder of the cache"""
    sequences: Path
    """HDF5 file of the token sequences it was made from"""
    shards: int
    """how many shards it has; their names are shard-00000.h5 and so on"""
    threads: int = 1
    """shards to hash side by side"""


def main(args: Arguments) -> None:
    files = [args.folder / f"shard-{number:05d}.h5" for number in range(args.shards)]
    build_manifest(args.folder, args.sequences, files, args.threads)


if __name__ == "__main__":
    program(main, Arguments)
