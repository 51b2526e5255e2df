"""Random numbers that tests share, the same in every run."""

import torch
from torch import Tensor


def generator(seed: int = 0) -> torch.Generator:
    """A generator with a seed of its own."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers in fp64."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)
