"""Running the model over sequences and keeping the activations of every site wanted, in one pass."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.activations.sequences import Sequences, position_tokens
from sparse_circuits.activations.shard import Compression, Dtype, Rows, SiteStatistics, write_shard
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run

# Attention sinks: positions whose norm is more than this many times the median (as `max_activation_norm_multiple` in
# dictionary_learning). They are few, huge and alike, and would rule every mean and every loss.
SINK_NORM_MULTIPLE = 10.0


@torch.no_grad()
def cache_shard(
    model: Model,
    sequences: Sequences,
    sites: list[Site],
    batch: int,
    dtype: Dtype,
    seed: int,
    path: Path,
    compression: Compression = "none",
) -> int:
    """Publish one shard of the activations at `sites`; return its number of rows.

    The separator position of each sequence is left out, and so is every position that is a sink at any site, in order
    that rows line up between sites. One permutation, drawn from `seed` and the first sequence's number, is applied to
    all of them. Raises StudyError that names the site when `dtype` cannot hold its values.
    """
    tokens = torch.from_numpy(sequences.token_id)
    stored_type: torch.dtype = getattr(torch, dtype)
    kept: dict[Site, list[Tensor]] = {site: [] for site in sites}
    for begin in Progress(range(0, len(tokens), batch), desc=path.name, unit="batch"):
        got = run(model, tokens[begin : begin + batch].to(model.device), read=sites).activations
        for site in sites:
            kept[site].append(got[site][:, 1:].flatten(0, 1).to(stored_type).cpu())
    activations = {site: torch.cat(parts) for site, parts in kept.items()}
    del kept
    norms = {site: rows.float().norm(dim=1) for site, rows in activations.items()}
    medians = {site: norm.median().item() for site, norm in norms.items()}
    for site, norm in norms.items():
        if not norm.isfinite().all():
            raise StudyError(f"{path}: activations at {site} overflow {dtype}; use bfloat16 or float32")
    sinks = {site: norm > SINK_NORM_MULTIPLE * medians[site] for site, norm in norms.items()}
    usable = ~torch.stack(list(sinks.values())).any(dim=0)
    order = np.random.default_rng([seed, sequences.begin]).permutation(np.flatnonzero(usable.numpy()))
    statistics = {
        str(site): _statistics(rows, usable, medians[site], int(sinks[site].sum()))
        for site, rows in activations.items()
    }
    width = len(usable) // len(tokens)
    numbers = np.arange(len(tokens), dtype=np.int32)
    rows = Rows(
        token_id=position_tokens(sequences, width + 1).ravel()[order],
        document=np.repeat(sequences.document, width)[order],
        sequence=np.repeat(sequences.begin + numbers, width)[order],
        position=np.tile(np.arange(1, width + 1, dtype=np.int32), len(tokens))[order],
    )
    index = torch.from_numpy(order)
    permuted = {str(site): values[index] for site, values in activations.items()}
    write_shard(path, permuted, rows, statistics, dtype, compression)
    return len(order)


def _statistics(rows: Tensor, usable: Tensor, median_norm: float, sinks: int) -> SiteStatistics:
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    squares = 0.0
    largest = 0.0
    for part in rows[usable].split(8192):
        values = part.double()
        total += values.sum(dim=0)
        squares += values.square().sum().item()
        largest = max(largest, values.abs().max().item())
    return SiteStatistics(total.numpy(), squares, largest, median_norm, sinks)
