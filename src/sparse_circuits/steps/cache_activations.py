from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.config.cache_activations import CacheActivations
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import load_model


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences
    shard: Path  # HDF5 file to write


def step(files: Files, settings: CacheActivations, compute: Compute) -> None:
    """Cache the activations of one shard's sequences at all sites, in one forward pass."""
    model = load_model(files.model, compute.start())
    sequences = read_sequences(files.sequences, "train", settings.begin, settings.end)
    sites = [Site.parse(site) for site in settings.sites]
    how = settings.batch, settings.dtype, settings.seed
    rows = cache_shard(model, sequences, sites, *how, files.shard, settings.compression)
    print(f"{rows} rows")
