"""Gated: some weights say which features are active, others how much (Rajamanoharan et al. 2024, 2404.16014)."""

from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.config.autoencoders import Gated
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.architectures.standard import warmed_up
from sparse_circuits.sae.autoencoder import ungated
from sparse_circuits.sae.sparse import Places, PreActivations, decode, places_where


class GatedTrainer(Architecture[Gated]):
    """π = x W_enc + b_enc opens a feature's gate where it is positive; its value is relu((π - b_enc) e^r + b_mag).

    One product serves both. The gate learns by l1 · Σ relu(π)‖W_dec‖ and by the error of relu(π) as a reconstruction,
    which reaches the decoder too (as in SAELens; dictionary_learning and the paper detach it there).
    """

    START_NORM = 0.1
    UNIT_ROWS = False

    def add_weights(self) -> None:
        """Add what turns a gate's pre-activation into a magnitude."""
        self.r_mag = nn.Parameter(torch.zeros(self.config.d_sae))
        self.b_mag = nn.Parameter(torch.zeros(self.config.d_sae))

    def select(self, pre: PreActivations) -> Places:
        """Return where the gate is open."""
        return places_where(pre.dense > 0)

    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Return the open features' magnitudes, and what their gates pay."""
        gates = pre.relu()
        magnitudes = ((pre - places.at(self.b_enc)) * places.at(self.r_mag.exp()) + places.at(self.b_mag)).relu()
        self._gates = gates
        norms = places.at(self.norms())
        coefficient = warmed_up(self.config.l1, self.config.sparsity_warm_up, progress)
        return magnitudes * (gates > 0), coefficient * places.sum_by_row(gates * norms).mean()

    def reconstruct(self, values: Tensor, places: Places, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error of the magnitudes plus that of the gates, and the residual of the magnitudes."""
        error, residual = super().reconstruct(values, places, x)
        by_gates = decode(self._gates, places, self.W_dec) + self.b_dec - x
        return error + by_gates.square().sum(dim=1).mean(), residual

    def folded(self, lengths: Tensor, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
        """As the JumpReLU that computes the same."""
        shift = weights["b_enc"] - self.b_enc * lengths  # what folding the mean away did to the gates
        b_mag = self.b_mag * lengths + shift * self.r_mag.exp()
        return "gated", ungated(weights["W_enc"], self.r_mag, weights["b_enc"], b_mag)
