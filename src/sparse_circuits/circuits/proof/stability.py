"""Would other pairs have given the same circuit?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.circuits.evidence import mean_and_error

SHARE = 0.9  # of the resamples in which a node of the consensus circuit is


@dataclass(frozen=True)
class Stability:
    """How much the circuits of resamples agree.

    `jaccard` is the mean over all pairs of resamples of |A and B| / |A or B|; `jaccard_with_all` the mean of it between
    a resample and the circuit of all pairs; `share` (node,) the share of resamples whose circuit a node is in.
    """

    jaccard: float
    jaccard_with_all: float
    share: Tensor

    @property
    def consensus(self) -> Tensor:
        """The consensus circuit: a mask (node,) of the nodes in at least nine of ten resamples."""
        return self.share >= SHARE


def stability(
    scores: Tensor, choose: Callable[[Tensor, Tensor], Tensor], resamples: int, generator: torch.Generator
) -> Stability:
    """Choose a circuit from each of `resamples` bootstrap resamples of the pairs: as many pairs, with replacement.

    `scores` (pair, node) holds what each pair says of each node; `choose` makes masks (resample, node) of mean scores
    and their standard errors, (resample, node) each, as in `lambda mean, error: largest(mean.abs(), 20)`. Resamples
    share pairs, so pure noise, too, gives a Jaccard index above that of random circuits.
    """
    pairs = len(scores)
    drawn = torch.randint(pairs, (resamples, pairs), generator=generator)
    counts = torch.zeros(resamples, pairs, dtype=torch.long).scatter_add_(1, drawn, torch.ones_like(drawn))
    circuits = choose(*mean_and_error(scores, counts))
    whole = choose(*mean_and_error(scores, torch.ones(1, pairs)))
    first, second = torch.triu_indices(resamples, resamples, offset=1)
    return Stability(
        jaccard(circuits, circuits)[first, second].mean().item(),
        jaccard(circuits, whole).mean().item(),
        circuits.double().mean(dim=0),
    )


def largest_nodes(strength: Tensor, size: int) -> Tensor:
    """Return masks (circuit, node) of the `size` largest of each row of (circuit, node) that are above 0."""
    values, places = strength.topk(min(size, strength.shape[1]), dim=1)
    return torch.zeros(strength.shape, dtype=torch.bool).scatter_(1, places, values > 0)


def jaccard(first: Tensor, second: Tensor) -> Tensor:
    """Return |A and B| / |A or B| of masks (n, node) and (m, node): (n, m). Two empty circuits are equal: 1."""
    both = first.double() @ second.double().T
    either = first.sum(dim=1)[:, None] + second.sum(dim=1) - both
    return torch.where(either > 0, both / either, 1.0)
