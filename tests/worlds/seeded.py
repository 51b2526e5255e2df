"""Random numbers that tests share, the same in every run."""

import torch
from torch import Tensor

from sparse_circuits.models.load import Model
from sparse_circuits.sae.autoencoder import SparseAutoencoder


def generator(seed: int = 0) -> torch.Generator:
    """A generator with a seed of its own."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers in fp64."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def autoencoder(d_in: int, k: int | None = None, threshold: float | None = None) -> SparseAutoencoder:
    """Random features, of unit length; TopK with k, JumpReLU with a threshold."""
    rows = torch.nn.functional.normalize(normal(4 * d_in, d_in).float(), dim=1)
    return SparseAutoencoder(
        architecture="topk" if k else "jumprelu",
        W_enc=rows.T.contiguous(),
        b_enc=normal(4 * d_in, seed=1).float() / 10,
        W_dec=rows.clone(),
        b_dec=normal(d_in, seed=2).float() / 10,
        k=k,
        threshold=None if threshold is None else torch.full((4 * d_in,), threshold),
        centred=True,
        W_skip=None,
        metadata={},
    )


def texts(model: Model, count: int = 8) -> list[Tensor]:
    """Random sequences of 12 tokens, in batches of 4."""
    vocabulary = model.network.config.vocab_size
    tokens = torch.randint(vocabulary, (count, 12), generator=generator())
    tokens[:, 0] = model.separator_id
    return list(tokens.split(4))
