"""Bootstrap intervals: what a number might have been, had other examples been drawn."""

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
    bounds = torch.tensor(BOUNDS, dtype=values.dtype)
    return torch.quantile(values, bounds, dim=-1).movedim(0, -1)
