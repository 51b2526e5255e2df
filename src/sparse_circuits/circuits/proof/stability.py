"""Would other pairs have given the same circuit?"""

from dataclasses import dataclass

import torch
from torch import Tensor

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


def stability(scores: Tensor, size: int, resamples: int, generator: torch.Generator) -> Stability:
    """Choose the `size` nodes of largest |mean score| from `resamples` bootstrap resamples of the pairs.

    `scores` (pair, node) holds what each pair says of each node; a resample draws as many pairs with replacement. The
    resamples overlap, so scores of pure noise, too, give a Jaccard index above that of random circuits.
    """
    pairs = len(scores)
    drawn = torch.randint(pairs, (resamples, pairs), generator=generator)
    counts = torch.zeros(resamples, pairs, dtype=torch.float64).scatter_add_(1, drawn, torch.ones(drawn.shape).double())
    values = scores.double()
    circuits = largest(counts @ values / pairs, size)
    whole = largest(values.mean(dim=0, keepdim=True), size)
    first, second = torch.triu_indices(resamples, resamples, offset=1)
    return Stability(
        jaccard(circuits, circuits)[first, second].mean().item(),
        jaccard(circuits, whole).mean().item(),
        circuits.double().mean(dim=0),
    )


def largest(means: Tensor, size: int) -> Tensor:
    """Return masks (circuit, node) of the `size` largest |mean| of each row; a mean of 0 is in no circuit."""
    values, places = means.abs().topk(min(size, means.shape[1]), dim=1)
    return torch.zeros(means.shape, dtype=torch.bool).scatter_(1, places, values > 0)


def jaccard(first: Tensor, second: Tensor) -> Tensor:
    """Return |A and B| / |A or B| of masks (n, node) and (m, node): (n, m). Two empty circuits are equal: 1."""
    both = first.double() @ second.double().T
    either = first.sum(dim=1)[:, None] + second.sum(dim=1) - both
    return torch.where(either > 0, both / either, 1.0)
