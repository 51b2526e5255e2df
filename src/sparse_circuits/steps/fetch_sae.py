"""Fetch one published sparse autoencoder and write it as an SAELens folder."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.config.fetch_sae import FetchSAE
from sparse_circuits.sae.formats.registry import convert_published
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Files:
    """What is written."""

    folder: Path
    """where to write cfg.json, sae_weights.safetensors, sparsity.safetensors and an empty training.csv"""


def step(files: Files, settings: FetchSAE) -> None:
    """Fetch one published sparse autoencoder and write it as an SAELens folder."""
    files.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=files.folder.parent, prefix=".fetch.") as temporary:
        fetched = fetch(settings.entry.sources, Path(temporary), f"autoencoder at {settings.site}")
        convert_published(settings.entry, fetched, settings.model, settings.site, files.folder)
