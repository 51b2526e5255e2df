"""The manifest of a cache, which readers check first, and the statistics of its sites."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.activations import shard as shards
from sparse_circuits.activations.cache import SINK_NORM_MULTIPLE
from sparse_circuits.activations.sequences import sequences_attributes
from sparse_circuits.artefacts.cache_manifest import CacheManifest
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, sha256, write_json
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.site import Site

CONSTANT = 1e-12  # share of the mean square that is rounding


@dataclass(frozen=True)
class Statistics:
    """Of one site, over all rows of a cache: mean (width,), mean squared norm, and the norm that makes a sink."""

    mean: Tensor
    mean_squared_norm: float
    sink_norm: float


def build_manifest(folder: Path, sequences: Path, files: list[Path], threads: int = 1) -> None:
    """Write manifest.json and stats.json of the shards `files` in `folder`, `threads` of them hashed side by side.

    Raises StudyError that names a site whose rows do not differ: nothing can be trained on it.
    """
    with ThreadPoolExecutor(threads) as pool:
        digests = list(Progress(pool.map(sha256, files), total=len(files), desc="hash", unit="shard"))
    rows = {file: shards.shard_rows(file) for file in files}
    found: dict[str, list[Path]] = {}
    for file in files:
        for site in shards.shard_sites(file):
            found.setdefault(site, []).append(file)
    sites = sorted(found, key=lambda site: Site.parse(site).order)
    stats: dict[str, Any] = {}
    for site in sites:
        parts = [shards.read_shard_statistics(file, site) for file in found[site]]
        total = sum(rows[file] for file in found[site])
        sinks = int(sum(part.sinks for part in parts))
        median = float(np.median([part.median_norm for part in parts]))
        mean = np.sum([part.sum for part in parts], axis=0) / total
        squared = float(sum(part.sum_squared_norm for part in parts)) / total
        if squared - mean @ mean <= CONSTANT * squared:
            raise StudyError(f"site {site}: all {total} rows are the same; leave it out of the study's sites")
        stats[site] = {
            "rows": total,
            "mean": mean.tolist(),
            "mean_squared_norm": squared,
            "max_abs": float(max(part.max_abs for part in parts)),
            "median_norm": median,
            "sink_norm": SINK_NORM_MULTIPLE * median,
            "sinks": {"count": sinks, "share": sinks / (sinks + total)},
        }
    write_json(folder / "stats.json", stats)
    manifest = {
        **sequences_attributes(sequences),
        "sites": {
            site: {"dtype": shards.shard_sites(found[site][0])[site], "rows": stats[site]["rows"]} for site in sites
        },
        "shards": [
            {
                "file": file.name,
                "sites": [site for site in sites if file in found[site]],
                "rows": rows[file],
                "bytes": file.stat().st_size,
                "sha256": digest,
            }
            for file, digest in zip(files, digests, strict=True)
        ],
    }
    CacheManifest.model_validate(manifest).write(folder / "manifest.json")


def read_manifest(folder: Path, site: str) -> CacheManifest:
    """Read what a cache's manifest says of one site: of its shards, those that hold the site.

    Raises StudyError that names the site, or a shard which is missing or has another size.
    """
    manifest = CacheManifest.read(folder / "manifest.json")
    if site not in manifest.sites:
        raise StudyError(f"{folder}/manifest.json: no site {site}; it has {', '.join(manifest.sites)}")
    held = [entry for entry in manifest.shards if site in entry.sites]
    for entry in held:
        file = folder / entry.file
        if not file.is_file() or file.stat().st_size != entry.bytes:
            found = f"{file.stat().st_size} bytes" if file.is_file() else "none"
            raise StudyError(f"{file}: the manifest says {entry.bytes} bytes, found {found}; run the workflow again")
    return manifest.model_copy(update={"shards": held})


def read_statistics(path: Path, site: str) -> Statistics:
    """Read the statistics of one site from a cache's stats.json."""
    stats = read_json(path)
    if site not in stats:
        raise StudyError(f"{path}: no site {site}; it has {', '.join(stats)}")
    entry = stats[site]
    return Statistics(torch.tensor(entry["mean"]), entry["mean_squared_norm"], entry["sink_norm"])
