"""Feeding training from a cache: whole slabs read in order, rows already permuted when they were written."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import torch
from torch import Tensor

from sparse_circuits.activations.manifest import read_manifest
from sparse_circuits.activations.shard import read_rows


class ActivationReader:
    """Batches of one site's activations. The manifest is checked before the first read."""

    def __init__(self, folder: Path, site: str) -> None:
        self.site = site
        self.manifest = read_manifest(folder, site)
        self._shards = [(folder / entry["file"], entry["rows"]) for entry in self.manifest["shards"]]
        self.rows: int = sum(rows for _, rows in self._shards)

    def batches(self, size: int, epochs: int, seed: int) -> Iterator[Tensor]:
        """Yield tensors (size, width) of the stored type, `epochs` times over all rows.

        `seed` and the epoch give the order of the shards. Batches run on across shards and epochs; the rows that do not
        fill the last one are dropped.
        """
        rest: Tensor | None = None
        for epoch in range(epochs):
            order = torch.randperm(len(self._shards), generator=torch.Generator().manual_seed(seed + epoch))
            for index in order.tolist():
                for slab in self._slabs(*self._shards[index]):
                    rows = slab if rest is None else torch.cat([rest, slab])
                    whole = len(rows) // size * size
                    for begin in range(0, whole, size):
                        yield rows[begin : begin + size]
                    rest = rows[whole:]

    def _slabs(self, path: Path, rows: int) -> Iterator[Tensor]:
        with h5py.File(path) as file:
            chunk = file[f"activations/{self.site}"].chunks[0]
        for begin in range(0, rows, chunk):
            yield read_rows(path, self.site, begin, begin + chunk)
