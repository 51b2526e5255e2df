"""The cache of the tiny model, as tests of interpretations describe it."""

from pathlib import Path
from typing import Any

import torch

from sparse_circuits.config.interpret_nodes import Amounts
from sparse_circuits.config.site import Site
from sparse_circuits.interpret.firing import Firing, read_firing
from sparse_circuits.sae.autoencoder import SparseAutoencoder

SITE = Site("resid_post", 1)
FEATURES = [3, 11, 40]
WINDOW = 4
AMOUNTS = Amounts(contexts=4, quantiles=5, window=WINDOW, inputs=2, judged=3)


def autoencoder(k: int | None) -> SparseAutoencoder:
    """An autoencoder of the site with random rows; `k` None for one that is no TopK."""
    generator = torch.Generator().manual_seed(0)
    W_dec = torch.nn.functional.normalize(torch.randn(64, 32, generator=generator), dim=1)
    b_enc = torch.full((64,), -0.2)
    architecture: Any = "standard" if k is None else "topk"
    return SparseAutoencoder(architecture, W_dec.T.contiguous(), b_enc, W_dec, torch.zeros(32), k=k)


def read_cached(cache: Path, tokens: int | None = None) -> Firing:
    """The features' activations on the first so many tokens of a cache, or on all of it."""
    return read_firing(cache, str(SITE), autoencoder(None), FEATURES, tokens, torch.device("cpu"))
