"""What chosen features of an autoencoder do on cached text: their activations, token by token, put back in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from sparse_circuits.activations.manifest import read_manifest
from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.activations.shard import read_origins, read_slab, site_data
from sparse_circuits.base.progress import Progress
from sparse_circuits.sae.autoencoder import SparseAutoencoder

ROWS = 2048  # encoded at a time
HELD_OUT = 5  # one document in so many is kept to judge labels on


@dataclass(frozen=True)
class Firing:
    """Activations of chosen features on whole sequences.

    `token_id` (sequence, token), one a position, but for images; `document` (sequence,), a line of documents.jsonl or
    an image; `cached` (sequence, position) tells which positions the cache holds, all but the separator and sinks;
    `values` (feature, sequence, position) are activations >= 0, and 0 where nothing is cached. `judged` (sequence,)
    tells the sequences of held-out documents: nothing is learned from them, so that labels can be judged on them.
    """

    token_id: NDArray[np.int32]
    document: NDArray[np.int32]
    cached: NDArray[np.bool_]
    values: NDArray[np.float32]
    judged: NDArray[np.bool_]

    @property
    def tokens(self) -> int:
        """Tokens described."""
        return int(self.cached.sum())


@torch.no_grad()
def read_firing(
    folder: Path,
    site: str,
    sae: SparseAutoencoder,
    features: Sequence[int],
    tokens: int | None,
    device: torch.device,
    positions: int | None = None,
) -> Firing:
    """Encode the cached activations of a site until `tokens` rows (all when None) have been read, shard by shard.

    All features are encoded, since which are active can depend on all; those asked for are kept. A sequence has
    `positions` activations, as many as tokens when not given. Raises StudyError for a cache of an older version.
    """
    manifest = read_manifest(folder, site)
    wanted = torch.tensor(list(features), dtype=torch.long, device=device)
    parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_], NDArray[np.float32]]] = []
    left = sum(entry.rows for entry in manifest.shards) if tokens is None else tokens
    end = 0
    with Progress(total=left, desc=f"encode {site}", unit="token") as progress:
        for entry in manifest.shards:
            if left <= 0:
                break
            path = folder / entry.file
            rows = read_origins(path)
            # A sequence of which nothing was cached counts too: places are numbered by sequences.h5.
            begin, end = end, int(rows.sequence.max(initial=end - 1)) + 1
            sequences = read_sequences(folder / "sequences.h5", "train", begin, end)
            sequence = rows.sequence - begin
            # Whole sequences, the first ones of the shard, so that contexts have no gaps.
            context = positions or sequences.token_id.shape[1]
            count = min(end - begin, -(-left // (context - 1)))
            taken = np.flatnonzero(sequence < count)
            values = np.zeros((len(features), count, context), dtype=np.float32)
            cached = np.zeros((count, context), dtype=bool)
            cached[sequence[taken], rows.position[taken]] = True
            with h5py.File(path) as file:
                data = site_data(file, site)
                for first in range(0, len(sequence), ROWS):
                    here = taken[(taken >= first) & (taken < first + ROWS)]
                    if not len(here):
                        continue
                    slab = read_slab(data, first, min(first + ROWS, len(sequence)))
                    x = slab[torch.from_numpy(here - first)].to(device).float()
                    values[:, sequence[here], rows.position[here]] = sae.encode(x)[:, wanted].T.cpu().numpy()
                    progress.update(len(here))
            parts.append((sequences.token_id[:count], sequences.document[:count], cached, values))
            left -= len(taken)
    token_id, document, cached = (np.concatenate([part[i] for part in parts]) for i in range(3))
    values = np.concatenate([part[3] for part in parts], axis=1)
    return Firing(token_id, document, cached, values, document % HELD_OUT == 0)
