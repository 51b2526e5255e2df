"""Intervals: what a number might have been, had other examples been drawn."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

RESAMPLES = 1000
BOUNDS = (0.025, 0.975)


def resamples(examples: int, seed: int) -> Tensor:
    """Return the numbers of the examples in each of 1,000 resamples, drawn with replacement: (resample, example)."""
    return torch.from_numpy(np.random.default_rng(seed).integers(0, examples, (RESAMPLES, examples)))


def interval95(values: Tensor) -> Tensor:
    """Return the 95 % interval of a number's values in the resamples (..., resample): (..., 2)."""
    return torch.quantile(values, torch.tensor(BOUNDS, dtype=values.dtype), dim=-1).movedim(0, -1)


def crossed_weights(labels: Sequence[Sequence[Hashable]], seed: int) -> Tensor:
    """Return how often each example counts in 1,000 resamples: (resample, example).

    `labels` has a row for each property, such as the template and the word of each example. Examples that share one are
    not independent, so the values of every property are drawn with replacement, and an example counts as often as all
    of its own were drawn together (Owen 2007, "The pigeonhole bootstrap").
    """
    generator = np.random.default_rng(seed)
    weights = torch.ones(RESAMPLES, len(labels[0]), dtype=torch.float64)
    for row in labels:
        number = {value: index for index, value in enumerate(dict.fromkeys(row))}
        drawn = generator.multinomial(len(number), np.full(len(number), 1 / len(number)), RESAMPLES)
        weights *= torch.from_numpy(drawn)[:, [number[value] for value in row]]
    return weights[weights.sum(dim=1) > 0]


def wilson95(share: float, examples: int) -> list[float]:
    """Return the 95 % interval of a share among so many examples (Wilson 1927): not empty where all are alike.

    A mean of several shares counts as the nearest whole number of the examples.
    """
    from scipy.stats import binomtest

    interval = binomtest(round(share * examples), examples).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]
