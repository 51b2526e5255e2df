"""The manifest of a cache, which readers check first, and the statistics of its sites."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from sparse_circuits.activations import shard as shards
from sparse_circuits.activations.cache import SINK_NORM_MULTIPLE
from sparse_circuits.activations.sequences import sequences_attributes
from sparse_circuits.config import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, sha256, write_json


@dataclass(frozen=True)
class Statistics:
    """Of one site, over all rows of a cache: mean (width,), mean squared norm, and the norm that makes a sink."""

    mean: Tensor
    mean_squared_norm: float
    sink_norm: float


def build_manifest(folder: Path, sequences: Path, files: list[Path]) -> None:
    """Write manifest.json and stats.json of the shards `files` in `folder`."""
    rows = [shards.shard_rows(file) for file in files]
    with h5py.File(files[0]) as first:
        found = {site: data.attrs["dtype"] for site, data in first["activations"].items()}
    dtypes = {site: found[site] for site in sorted(found, key=lambda site: Site.parse(site).order)}
    stats: dict[str, Any] = {}
    for site in dtypes:
        parts = [shards.read_statistics(file, site) for file in files]
        sinks = int(sum(part.sinks for part in parts))
        median = float(np.median([part.median_norm for part in parts]))
        stats[site] = {
            "rows": sum(rows),
            "mean": (np.sum([part.sum for part in parts], axis=0) / sum(rows)).tolist(),
            "mean_squared_norm": float(sum(part.sum_squared_norm for part in parts)) / sum(rows),
            "max_abs": float(max(part.max_abs for part in parts)),
            "median_norm": median,
            "sink_norm": SINK_NORM_MULTIPLE * median,
            "sinks": {"count": sinks, "share": sinks / (sinks + sum(rows))},
        }
    write_json(folder / "stats.json", stats)
    manifest = {
        **sequences_attributes(sequences),
        "sites": dtypes,
        "rows": sum(rows),
        "shards": [
            {"file": file.name, "rows": n, "bytes": file.stat().st_size, "sha256": sha256(file)}
            for file, n in zip(files, rows, strict=True)
        ],
    }
    write_json(folder / "manifest.json", manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a cache's manifest; raise StudyError that names a shard which is missing or has another size."""
    manifest: dict[str, Any] = read_json(folder / "manifest.json")
    for entry in manifest["shards"]:
        file = folder / entry["file"]
        if not file.is_file() or file.stat().st_size != entry["bytes"]:
            found = f"{file.stat().st_size} bytes" if file.is_file() else "none"
            raise StudyError(f"{file}: the manifest says {entry['bytes']} bytes, found {found}; run the workflow again")
    return manifest


def read_statistics(path: Path, site: str) -> Statistics:
    """Read the statistics of one site from a cache's stats.json."""
    stats = read_json(path)
    if site not in stats:
        raise StudyError(f"{path}: no site {site}; it has {', '.join(stats)}")
    entry = stats[site]
    return Statistics(torch.tensor(entry["mean"]), entry["mean_squared_norm"], entry["sink_norm"])
