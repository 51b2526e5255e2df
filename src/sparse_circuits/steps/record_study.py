from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.versions.graph import read_graph
from sparse_circuits.versions.record import record


@dataclass(frozen=True)
class Files:
    study: Path | None = None  # file of the study; by default the one that config/config.yaml names


def step(files: Files) -> None:
    """Record a finished study: hashes of its artefacts in dvc.lock, how they were made in provenance/<study>.json."""
    record(read_graph(files.study))
