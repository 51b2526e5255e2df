"""Encoding and decoding with k active features a row, forward and backward, at the cost of k rather than d_sae.

Only the encoder's forward product is dense. Decoding is a weighted sum of k rows of W_dec; its gradient with respect to
the activations is k dot products a row; the gradients of both weight matrices are, for each feature, weighted sums over
the rows in which it is active, which `embedding_bag` computes once the (row, feature) pairs are sorted by feature. All
of it is deterministic: no atomics, one order of summation. After Gao et al. 2024 (arXiv 2406.04093), appendix D,
without custom kernels.

Shapes: x (row, d_in); W_enc and W_dec (d_sae, d), one feature a row; values and indices (row, k).
"""

import warnings
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sparse_circuits.compute import has_fast_bfloat16

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")

GROUP = 8  # features whose largest stands for them in the first stage of the selection


class Grouping(NamedTuple):
    """(row, feature) pairs sorted by feature: places in the flat list, their rows, where each feature begins."""

    order: Tensor
    rows: Tensor
    offsets: Tensor


class Active:
    """Which of d_sae features are active in each row: indices (row, k)."""

    def __init__(self, indices: Tensor, d_sae: int) -> None:
        self.indices = indices
        self.d_sae = d_sae

    @cached_property
    def by_feature(self) -> Grouping:
        """The pairs sorted by feature, rows in order within a feature; both weight gradients sum in this order."""
        flat = self.indices.flatten()
        order = flat.argsort(stable=True)
        counts = torch.bincount(flat, minlength=self.d_sae)
        return Grouping(order, order // self.indices.shape[1], counts.cumsum(0) - counts)


def sum_by_feature(weights: Tensor, rows: Tensor, grouping: Grouping) -> Tensor:
    """Return, for each feature, the sum of `rows` (row, d) in which it is active, by `weights` (row, k): (d_sae, d)."""
    return torch.nn.functional.embedding_bag(
        grouping.rows, rows, grouping.offsets, mode="sum", per_sample_weights=weights.flatten()[grouping.order]
    )


def products_at(indices: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return the dot products of rows (row, d) with the k rows of `weights` (d_sae, d) that `indices` names: (row, k).

    The sampled product of sparse linear algebra: seven times as fast on CPUs as gathering the rows of `weights`.
    """
    n, k = indices.shape
    begins = torch.arange(0, n * k + 1, k, device=indices.device)
    places, nothing = indices.flatten(), rows.new_zeros(n * k)
    pattern = torch.sparse_csr_tensor(begins, places, nothing, (n, len(weights)), check_invariants=False)
    return torch.sparse.sampled_addmm(pattern, rows, weights.T, beta=0.0).values().unflatten(0, (n, k))


def pre_activations(x: Tensor, W_enc: Tensor, b_enc: Tensor) -> Tensor:
    """Return x W_encᵀ + b_enc in the precision that is fast for matrix products on this device: (row, d_sae)."""
    if x.dtype == torch.float32 and has_fast_bfloat16(x.device):
        return torch.nn.functional.linear(x.bfloat16(), W_enc.bfloat16()).float().add_(b_enc)
    return torch.nn.functional.linear(x, W_enc, b_enc)


def largest(pre: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return values and indices (row, k) of the k largest of each row, in no order.

    In two exact stages: the k largest lie in the k groups whose maxima are largest. A group is every d_sae/8-th
    feature, so that the maxima are taken over whole vectors. On two CPU cores, for 2,048 rows and d_sae 4,608, 15 ms
    against 21 ms for one `topk` over d_sae.
    """
    rows, d_sae = pre.shape
    if d_sae % GROUP or d_sae < 2 * k * GROUP:
        values, indices = pre.topk(k, dim=1, sorted=False)
        return values, indices
    groups = pre.view(rows, GROUP, -1).amax(dim=1).topk(k, dim=1, sorted=False).indices
    begins = torch.arange(0, d_sae, d_sae // GROUP, device=pre.device)
    candidates = (groups.unsqueeze(1) + begins.unsqueeze(1)).flatten(1)
    values, places = pre.gather(1, candidates).topk(k, dim=1, sorted=False)
    return values, candidates.gather(1, places)


class _Encode(torch.autograd.Function):
    """The k largest pre-activations of each row, rectified. Backward reaches W_enc, b_enc and b_dec."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, Active]:
        centred = x - b_dec
        values, indices = largest(pre_activations(centred, W_enc, b_enc), k)
        values = values.relu_()
        ctx.active = Active(indices, len(W_enc))
        ctx.save_for_backward(centred, W_enc, values)
        return values, ctx.active

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        centred, W_enc, values = ctx.saved_tensors
        pre = gradients[0] * (values > 0)
        grad_W = sum_by_feature(pre, centred, ctx.active.by_feature)
        grad_b = torch.zeros(len(W_enc), dtype=pre.dtype, device=pre.device)
        grad_b.index_add_(0, ctx.active.indices.flatten(), pre.flatten())
        # d loss / d b_dec = -(sum over rows of the pre-activations' gradients) W_enc: no gradient of x is needed.
        return None, grad_W, grad_b, -(grad_b @ W_enc), None


class _Decode(torch.autograd.Function):
    """Weighted sums of k rows of W_dec."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, active: Active, W_dec: Tensor) -> Tensor:
        ctx.active = active
        ctx.save_for_backward(values, W_dec)
        return torch.nn.functional.embedding_bag(active.indices, W_dec, mode="sum", per_sample_weights=values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, W_dec = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        grad_values = products_at(ctx.active.indices, gradient, W_dec)
        return grad_values, None, sum_by_feature(values, gradient, ctx.active.by_feature)


def encode_topk(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, Active]:
    """Return the k largest of (x - b_dec) W_encᵀ + b_enc, negative ones set to 0 (row, k), and which they are."""
    values, active = _Encode.apply(x, W_enc, b_enc, b_dec, k)
    return values, active


def decode(values: Tensor, active: Active, W_dec: Tensor) -> Tensor:
    """Return the sum of values times rows of W_dec: (row, d)."""
    out: Tensor = _Decode.apply(values, active, W_dec)
    return out
