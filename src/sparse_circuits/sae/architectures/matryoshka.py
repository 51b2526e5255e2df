"""Matryoshka BatchTopK: the first features must do by themselves (Bussmann et al. 2025, arXiv 2503.17547)."""

import torch
from torch import Tensor

from sparse_circuits.config.autoencoders import Matryoshka
from sparse_circuits.sae.architectures.batch_topk import BatchTopKTrainer
from sparse_circuits.sae.sparse import Pairs, Places, decode


class MatryoshkaTrainer(BatchTopKTrainer[Matryoshka]):
    """BatchTopK on all features; the loss is the sum of the errors of reconstructions from the first w features.

    `widths` holds each w, the last one being d_sae; which features are active is decided once, for all of them (as in
    SAELens, whose sum is not weighted).
    """

    def reconstruct(self, values: Tensor, places: Places, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the errors over all widths, and the residual of the full width."""
        assert isinstance(places, Pairs)
        residual = x - self.b_dec
        total = x.new_zeros(())
        begin = 0
        for end in self.config.widths:
            inside = (places.features >= begin) & (places.features < end)
            residual = residual - decode(torch.where(inside, values, 0.0), places, self.W_dec)
            total = total + residual.square().sum(dim=1).mean()
            begin = end
        return total, residual
