"""JumpReLU: each feature is active above a threshold that it learns (Rajamanoharan et al. 2024, arXiv 2407.14435)."""

from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.config.autoencoders import JumpReLU
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.architectures.standard import warmed_up
from sparse_circuits.sae.sparse import Places, PreActivations, places_where


class _Jump(torch.autograd.Function):
    """pre where it exceeds the threshold, else 0. The threshold's gradient is estimated inside a band around it."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return pre * (pre > threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pre, threshold = ctx.saved_tensors
        inside = _inside(pre, threshold, ctx.bandwidth)
        return gradients[0] * (pre > threshold), -threshold / ctx.bandwidth * inside * gradients[0], None


class _Fires(torch.autograd.Function):
    """1 where pre exceeds the threshold, else 0: what L0 counts. Only the threshold learns by it."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return (pre > threshold).to(pre.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pre, threshold = ctx.saved_tensors
        return None, -_inside(pre, threshold, ctx.bandwidth) / ctx.bandwidth * gradients[0], None


def _inside(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    return ((pre - threshold).abs() < bandwidth / 2).to(pre.dtype)


class JumpReLUTrainer(Architecture[JumpReLU]):
    """f = pre where pre > threshold. The penalty is `step`, `tanh` or `quadratic` (formulas in `activate`).

    The straight-through estimate is two-sided: it is taken on pre-activations, on both sides of the threshold.
    """

    START_NORM = 0.1
    UNIT_ROWS = False

    def add_weights(self) -> None:
        """Add the thresholds."""
        self.threshold = nn.Parameter(torch.full((self.config.d_sae,), self.config.threshold))

    def select(self, pre: PreActivations) -> Places:
        """Return what exceeds its threshold, or is so near that the threshold learns from it."""
        return places_where(pre.dense > self.threshold - self.config.bandwidth / 2)

    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Return values, and the penalty of each row: L0, or Σ tanh(c f‖W_dec‖), or (2 / target) (L0 - target)²."""
        config = self.config
        threshold = places.at(self.threshold)
        values = _Jump.apply(pre, threshold.expand_as(pre), config.bandwidth)
        coefficient = warmed_up(config.l0, config.sparsity_warm_up, progress)
        if config.penalty == "tanh":
            norms = places.at(self.norms())
            return values, coefficient * places.sum_by_row((config.tanh_scale * values * norms).tanh()).mean()
        active = places.sum_by_row(_Fires.apply(pre, threshold.expand_as(pre), config.bandwidth))
        if config.penalty == "quadratic":
            return values, coefficient * (2 / config.target_l0 * (active - config.target_l0).square()).mean()
        return values, coefficient * active.mean()

    @torch.no_grad()
    def after_step(self, fired: Tensor, rows: int) -> None:
        """Thresholds stay at 0 or above."""
        super().after_step(fired, rows)
        self.threshold.clamp_(min=0)

    def folded(self, lengths: Tensor, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
        """Thresholds in units of the model."""
        return "jumprelu", {"threshold": self.threshold * lengths}
