from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.circuits.discovery.descriptions import describe, feature_means, load_autoencoders
from sparse_circuits.circuits.discovery.store import save_tokens
from sparse_circuits.circuits.discovery.tokens import find_targets
from sparse_circuits.config.discover_tokens import DiscoverTokens
from sparse_circuits.models.load import load_model


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # token sequences of the cache
    saes: list[Folder]  # folder of each site's autoencoder
    found: Path  # HDF5 file to write


def step(files: Files, settings: DiscoverTokens, compute: Compute) -> None:
    """Find tokens that the model predicts well, and describe each by what every feature adds to its prediction."""
    model = load_model(files.model, compute.start())
    saes = load_autoencoders(model, settings.sites, files.saes)
    sequences = read_sequences(files.sequences, "train")
    targets = find_targets(model, sequences, settings, settings.seed, settings.batch_tokens)
    means = feature_means(model, saes, targets, settings.batch_tokens)
    save_tokens(files.found, targets, describe(model, saes, targets, means, settings.kept, settings.batch_tokens))
    print(f"{len(targets)} tokens in {len(targets.tokens)} windows")
