from dataclasses import dataclass

from sparse_circuits.base.files import Folder
from sparse_circuits.config.fetch_sae import FetchSAE
from sparse_circuits.sae.formats.registry import convert_published
from sparse_circuits.sources.registry import fetched


@dataclass(frozen=True)
class Files:
    folder: Folder  # where to write cfg.json, sae_weights.safetensors, sparsity.safetensors and an empty training.csv


def step(files: Files, settings: FetchSAE) -> None:
    """Fetch one published sparse autoencoder and write it as an SAELens folder."""
    with fetched(settings.entry.sources, files.folder, f"autoencoder at {settings.site}") as found:
        convert_published(settings.entry, found, settings.model, settings.site, files.folder)
