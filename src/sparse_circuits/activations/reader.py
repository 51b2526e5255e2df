"""Feeding training from a cache: whole slabs read in order, ahead of the step; rows were permuted when written."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar, cast, overload

import h5py
import torch
from torch import Tensor

from sparse_circuits.activations.manifest import read_manifest
from sparse_circuits.activations.shard import CHUNK_BYTES, read_slab, site_data
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.machine import free_memory

AHEAD = 8  # batches made before they are wanted

Slab = tuple[Tensor, ...]  # (row, width) of each site, the same rows
Batch = TypeVar("Batch", Tensor, tuple[Tensor, ...])


class ActivationReader(Generic[Batch]):
    """Batches of one site's activations, or, for a list of sites, tuples of them whose rows line up.

    The manifest is checked before the first read. What needs no more than `memory` bytes (by default half of what is
    free) is held from the first reading on, so that later epochs read nothing. `pin` puts batches into page-locked
    memory, from which they go to CUDA without the host's waiting. Raises StudyError for a site or shard
    that is missing, and for sites that do not lie in the same shards.
    """

    @overload
    def __init__(
        self: "ActivationReader[Tensor]", folder: Path, sites: str, memory: int | None = None, pin: bool = False
    ) -> None: ...

    @overload
    def __init__(
        self: "ActivationReader[tuple[Tensor, ...]]",
        folder: Path,
        sites: list[str],
        memory: int | None = None,
        pin: bool = False,
    ) -> None: ...

    def __init__(self, folder: Path, sites: str | list[str], memory: int | None = None, pin: bool = False) -> None:
        self._pin = pin
        self._single = isinstance(sites, str)
        self._sites = [sites] if isinstance(sites, str) else sites
        self.manifest = read_manifest(folder, self._sites[0])
        for site in self._sites[1:]:
            if read_manifest(folder, site).shards != self.manifest.shards:
                raise StudyError(
                    f"{folder}/manifest.json: {self._sites[0]} and {site} do not lie in the same shards, as sites read "
                    "side by side must; raise activations.sites_per_shard"
                )
        self._shards = [(folder / entry.file, entry.rows) for entry in self.manifest.shards]
        self.rows: int = sum(rows for _, rows in self._shards)
        with h5py.File(self._shards[0][0]) as file:
            stored = [site_data(file, site) for site in self._sites]
            row_bytes = sum(data.shape[1] * data.dtype.itemsize for data in stored)
        self._holds = self.rows * row_bytes <= (free_memory() // 2 if memory is None else memory)
        self._held: dict[int, list[Slab]] = {}

    def batches(self, size: int, epochs: int, seed: int, start: int = 0) -> Iterator[Batch]:
        """Yield tensors (size, width) of the stored type, `epochs` times over all rows, from batch number `start` on.

        `seed` and the epoch give the order of the shards. Batches run on across shards and epochs; the rows that do not
        fill the last one are dropped. What comes before `start` is not read. A batch may be a view of what is held: it
        must not be changed in place. A thread makes batches ahead until the last, or until the iterator is closed; what
        it raises is raised here (StudyError for damaged data, with file and rows).
        """
        for batch in _ahead(self._batches(size, self._slabs(epochs, seed, start * size))):
            yield cast(Batch, batch[0] if self._single else batch)

    def _batches(self, size: int, slabs: Iterator[Slab]) -> Generator[Slab, None, None]:
        """Yield batches of `size` rows, cut from slabs."""
        pieces: list[Slab] = []
        missing = size
        for slab in slabs:
            ends = list(range(missing, len(slab[0]), size))
            for piece in zip(*(rows.tensor_split(ends) for rows in slab), strict=True):
                pieces.append(piece)
                missing -= len(piece[0])
                if missing == 0:
                    batch = tuple(map(_joined, zip(*pieces, strict=True)))
                    yield tuple(rows.pin_memory() for rows in batch) if self._pin else batch
                    pieces, missing = [], size

    def _slabs(self, epochs: int, seed: int, skip: int) -> Generator[Slab, None, None]:
        """Yield the slabs of all epochs, less their first `skip` rows."""
        for epoch in range(epochs):
            order = torch.randperm(len(self._shards), generator=torch.Generator().manual_seed(seed + epoch))
            for shard in order.tolist():
                rows = self._shards[shard][1]
                if skip < rows:
                    yield from self._shard_slabs(shard, skip)
                skip = max(0, skip - rows)

    def _shard_slabs(self, shard: int, skip: int) -> Iterator[Slab]:
        if shard in self._held and not skip:
            yield from self._held[shard]
            return
        read: list[Slab] = []
        for slab in self._read(*self._shards[shard], skip):
            if self._holds:
                read.append(slab)
            yield slab
        if self._holds and not skip:
            self._held[shard] = read

    def _read(self, path: Path, rows: int, skip: int) -> Iterator[Slab]:
        # Sites of different widths have different chunks. Slabs follow the shortest; HDF5 keeps the longer ones, and
        # decodes each once, where its cache takes them.
        with h5py.File(path, rdcc_nbytes=2 * CHUNK_BYTES) as file:
            sites = [site_data(file, site) for site in self._sites]
            chunk = min(data.chunks[0] for data in sites)
            for begin in range(skip // chunk * chunk, rows, chunk):
                first, end = max(begin, skip), min(begin + chunk, rows)
                try:
                    slab = tuple(read_slab(data, first, end) for data in sites)
                except OSError as error:
                    raise StudyError(
                        f"{path}: rows {first} to {end} cannot be read ({error}); delete the file and run again"
                    ) from error
                yield slab


def _joined(pieces: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def _ahead(batches: Generator[Slab, None, None]) -> Iterator[Slab]:
    """Yield what `batches` yields, worked out by one thread, up to AHEAD of them before they are asked for."""
    thread = ThreadPoolExecutor(1, "reader")
    waiting = deque(thread.submit(next, batches, None) for _ in range(AHEAD))
    try:
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, batches, None))
            yield batch
    finally:
        thread.shutdown(cancel_futures=True)
        batches.close()
