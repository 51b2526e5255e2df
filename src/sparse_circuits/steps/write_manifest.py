from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.manifest import build_manifest
from sparse_circuits.base.compute import Compute
from sparse_circuits.config.write_manifest import WriteManifest


@dataclass(frozen=True)
class Files:
    manifest: Path  # JSON file to write in the folder of the cache, with stats.json beside it
    sequences: Path  # HDF5 file of the token sequences it was made from


def step(files: Files, settings: WriteManifest, compute: Compute) -> None:
    """Write manifest.json and stats.json of an activation cache."""
    folder = files.manifest.parent
    shards = [folder / f"shard-{number:05d}.h5" for number in range(settings.shards)]
    build_manifest(folder, files.sequences, shards, compute.threads)
