"""Kernels, or stock operators in their place."""

import pytest
import torch

from sparse_circuits.sae import sparse
from sparse_circuits.sae.architectures import batch_topk

KERNELS = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # where kernels can run


def take_path(monkeypatch: pytest.MonkeyPatch, kernels: bool) -> None:
    """Have sparse operations done by stock operators or by kernels."""
    for module in (sparse, batch_topk):
        monkeypatch.setattr(module, "runs_on_kernels", lambda _: kernels)
