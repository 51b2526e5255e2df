"""A cache of activations as a Python object."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.activations.sequences import Sequences, read_sequences
from sparse_circuits.artefacts.cache_manifest import CacheManifest


@dataclass(frozen=True)
class CachedActivations:
    """A folder of results/activations/: shards of activations, and the token sequences that they are of."""

    folder: Path

    @property
    def sites(self) -> list[str]:
        """The sites that are cached."""
        return list(CacheManifest.read(self.folder / "manifest.json").sites)

    def rows(self, site: str, count: int, seed: int = 0) -> Tensor:
        """Return `count` activations (row, width) of a site in fp32, drawn by `seed` as training draws its first batch.

        Raises StudyError for a site that is not cached.
        """
        reader = ActivationReader(self.folder, site)
        return torch.as_tensor(next(reader.batches(min(count, reader.rows), 1, seed))).float()

    def sequences(self, split: str = "train") -> Sequences:
        """Return the sequences of `train` or `held_out`: token ids (sequence, position), and documents' lines."""
        return read_sequences(self.folder / "sequences.h5", split)
