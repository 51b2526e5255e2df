"""Training's encoding and decoding with few active features a row, forward and backward, at the cost of those few.

Only the encoder's forward product is dense. What is active is a list of (row, feature) pairs. Decoding is a weighted
sum of rows of W_dec; its gradient with respect to the activations is one dot product a pair; the gradients of both
weight matrices are, for each feature, weighted sums over the rows in which it is active, which `embedding_bag` computes
once the pairs are sorted by feature. All of it is deterministic: no atomics, one order of summation. After Gao et al.
2024 (arXiv 2406.04093), appendix D, on stock operators; on CUDA the kernels in `kernels` take the place of those that
are slow there, and nothing here but `Pairs.where` and `places_where` makes the host wait for the device.

Shapes: x (row, d_in); W_enc and W_dec (d_sae, d), one feature a row; what belongs to pairs (pair,).
"""

import warnings
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sparse_circuits.base.compute import has_fast_bfloat16

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")

MANY = 1 / 32  # share of active pairs from which on dense products are faster
GROUP = 8  # features whose largest stands for them in the first stage of the selection


class Grouping(NamedTuple):
    """Pairs sorted by feature: their places in the list, their rows, where each feature begins (d_sae + 1,)."""

    order: Tensor
    rows: Tensor
    begins: Tensor


class Pairs:
    """Which of d_sae features are active in each row: (row, feature) pairs, row by row.

    `features` (pair,) and `begins` (row + 1,), where each row's pairs begin, the last one being the number of pairs.
    `pre` (pair,) are their pre-activations, where selecting them has found these.
    """

    def __init__(self, features: Tensor, begins: Tensor, d_sae: int, pre: Tensor | None = None) -> None:
        self.features = features
        self.begins = begins
        self.d_sae = d_sae
        self.pre = pre

    @classmethod
    def of(cls, indices: Tensor, d_sae: int, pre: Tensor | None = None) -> "Pairs":
        """As many pairs in every row: indices, and pre-activations if known, (row, k)."""
        rows, k = indices.shape
        begins = torch.arange(0, rows * k + 1, k, device=indices.device)
        return cls(indices.flatten(), begins, d_sae, None if pre is None else pre.flatten())

    @classmethod
    def of_flat(cls, places: Tensor, rows: int, d_sae: int) -> "Pairs":
        """The pairs at places (pair,) of a matrix (row, d_sae) laid out row after row."""
        places = places.sort().values
        begins = torch.searchsorted(places, d_sae * torch.arange(rows + 1, device=places.device))
        return cls(places % d_sae, begins, d_sae)

    @classmethod
    def where(cls, mask: Tensor) -> "Pairs":
        """The places at which a mask (row, d_sae) is true."""
        begins = torch.nn.functional.pad(mask.sum(dim=1).cumsum(0), (1, 0))
        return cls(mask.nonzero()[:, 1], begins, mask.shape[1])

    @cached_property
    def rows(self) -> Tensor:
        """The row of each pair."""
        count = len(self.begins) - 1
        return torch.arange(count, device=self.begins.device).repeat_interleave(
            self.begins.diff(), output_size=len(self.features)
        )

    @cached_property
    def by_feature(self) -> Grouping:
        """The pairs sorted by feature, rows in order within a feature; both weight gradients sum in this order."""
        features, order = self.features.sort(stable=True)
        begins = torch.searchsorted(features, torch.arange(self.d_sae + 1, device=features.device))
        return Grouping(order, self.rows[order], begins)

    def gather(self, dense: Tensor) -> Tensor:
        """Return the pairs' entries of a matrix (row, d_sae)."""
        return dense[self.rows, self.features]

    def at(self, parameter: Tensor) -> Tensor:
        """Return a parameter of features (d_sae,) at the pairs."""
        return parameter[self.features]

    def sum_by_row(self, values: Tensor) -> Tensor:
        """Return the sum of each row's values: (row,)."""
        return values.new_zeros(len(self.begins) - 1).index_add(0, self.rows, values)

    def count(self, values: Tensor) -> Tensor:
        """Return in how many rows each feature has a value above 0: (d_sae,)."""
        before = torch.nn.functional.pad((values > 0)[self.by_feature.order].cumsum(0), (1, 0))
        return before[self.by_feature.begins].diff()


class Everywhere:
    """All (row, feature) pairs, where too many are active for a list of them to pay: values are (row, d_sae)."""

    def at(self, parameter: Tensor) -> Tensor:
        """Return a parameter of features (d_sae,) as it is: it broadcasts."""
        return parameter

    def sum_by_row(self, values: Tensor) -> Tensor:
        """Return the sum of each row's values: (row,)."""
        return values.sum(dim=1)

    def count(self, values: Tensor) -> Tensor:
        """Return in how many rows each feature has a value above 0: (d_sae,)."""
        return (values > 0).sum(dim=0)


Places = Pairs | Everywhere


def places_where(mask: Tensor) -> Places:
    """Return the places at which a mask (row, d_sae) is true, or everywhere when those are not few."""
    return Pairs.where(mask) if mask.count_nonzero() < MANY * mask.numel() else Everywhere()


def runs_on_kernels(tensor: Tensor) -> bool:
    """Tell whether work on this tensor is done by the kernels in `kernels`: on CUDA. Elsewhere by stock operators."""
    return tensor.is_cuda


def weighted_sums(matrix: Tensor, indices: Tensor, begins: Tensor, weights: Tensor) -> Tensor:
    """Return, for each segment, the sum of the rows of `matrix` (row, d) that its pairs name, by weights: (segment, d).

    indices and weights (pair,); begins (segment + 1,), the last one being the number of pairs.
    """
    if runs_on_kernels(matrix):
        from sparse_circuits.sae.kernels import weighted_sums as kernel

        return kernel.sum_segments(matrix, indices, begins, weights)
    return torch.nn.functional.embedding_bag(
        indices, matrix, begins, mode="sum", per_sample_weights=weights, include_last_offset=True
    )


def sum_by_feature(weights: Tensor, rows: Tensor, grouping: Grouping) -> Tensor:
    """Return, for each feature, the sum of `rows` (row, d) in which it is active, by `weights` (pair,): (d_sae, d)."""
    return weighted_sums(rows, grouping.rows, grouping.begins, weights[grouping.order])


def products_at(pairs: Pairs, rows: Tensor, weights: Tensor) -> Tensor:
    """Return the dot products of rows (row, d) with the rows of `weights` (d_sae, d) that pairs name: (pair,).

    The sampled product of sparse linear algebra: seven times as fast on CPUs as gathering the rows of `weights`.
    """
    if runs_on_kernels(rows):
        from sparse_circuits.sae.kernels import products as kernel

        return kernel.products(rows, weights, pairs.features, pairs.begins)
    nothing = rows.new_zeros(len(pairs.features))
    pattern = torch.sparse_csr_tensor(
        pairs.begins, pairs.features, nothing, (len(rows), len(weights)), check_invariants=False
    )
    return torch.sparse.sampled_addmm(pattern, rows, weights.T, beta=0.0).values()


def pre_activations(x: Tensor, W_enc: Tensor, b_enc: Tensor) -> Tensor:
    """Return x W_encᵀ + b_enc (row, d_sae) for training: the product is in bf16 where that is faster."""
    if _takes_bfloat16(x):
        return torch.nn.functional.linear(x.bfloat16(), W_enc.bfloat16()).float().add_(b_enc)
    return torch.nn.functional.linear(x, W_enc, b_enc)


def _takes_bfloat16(x: Tensor) -> bool:
    return x.dtype == torch.float32 and has_fast_bfloat16(x.device)


class PreActivations:
    """x W_encᵀ + b_enc of rows x (row, d_in), not computed before it is known what of it is wanted."""

    def __init__(self, x: Tensor, W_enc: Tensor, b_enc: Tensor, dense: Tensor | None = None) -> None:
        """Hold x, weights and, where they have been computed together with others', all of them."""
        self.x, self.W_enc, self.b_enc = x, W_enc, b_enc
        self._dense = dense

    @property
    def dense(self) -> Tensor:
        """All of them: (row, d_sae)."""
        if self._dense is None:
            with torch.no_grad():
                self._dense = pre_activations(self.x, self.W_enc, self.b_enc)
        return self._dense

    def largest(self, k: int) -> Pairs:
        """Return the k largest of each row, in no order."""
        d_sae = len(self.W_enc)
        if self._dense is None and runs_on_kernels(self.x):
            from sparse_circuits.sae.kernels import encode as kernel

            if d_sae >= 2 * k * kernel.GROUP:
                with torch.no_grad():
                    x, W_enc = (t.bfloat16() if _takes_bfloat16(t) else t for t in (self.x, self.W_enc))
                    values, indices = kernel.encode_largest(x, W_enc, self.b_enc, k)
                return Pairs.of(indices, d_sae, values)
        values, indices = largest(self.dense, k)
        return Pairs.of(indices, d_sae, values)

    def at(self, places: Places) -> Tensor:
        """Return them at some places: (pair,), or (row, d_sae) where those are everywhere."""
        if isinstance(places, Pairs):
            return places.gather(self.dense) if places.pre is None else places.pre
        return self.dense.clone()


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
    """Pre-activations at some places. Backward reaches W_enc, b_enc and b_dec."""

    @staticmethod
    def forward(
        ctx: Any, pre: PreActivations, places: Places, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor | None
    ) -> Tensor:
        ctx.places = places
        ctx.save_for_backward(pre.x, W_enc)
        return pre.at(places)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        centred, W_enc = ctx.saved_tensors
        places: Places = ctx.places
        if isinstance(places, Pairs):
            grad_W = sum_by_feature(gradients[0], centred, places.by_feature)
            grad_b = sum_by_feature(gradients[0], centred.new_ones(len(centred), 1), places.by_feature)[:, 0]
        else:
            grad_W, grad_b = gradients[0].T @ centred, gradients[0].sum(dim=0)
        # d loss / d b_dec = -(sum over rows of the pre-activations' gradients) W_enc: no gradient of x is needed.
        grad_b_dec = -(grad_b @ W_enc) if ctx.needs_input_grad[4] else None
        return None, None, grad_W, grad_b, grad_b_dec


class _Decode(torch.autograd.Function):
    """Weighted sums of rows of W_dec."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, pairs: Pairs, W_dec: Tensor) -> Tensor:
        ctx.pairs = pairs
        ctx.save_for_backward(values, W_dec)
        return weighted_sums(W_dec, pairs.features, pairs.begins, values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, W_dec = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        grad_values = products_at(ctx.pairs, gradient, W_dec) if ctx.needs_input_grad[0] else None
        grad_W = sum_by_feature(values, gradient, ctx.pairs.by_feature) if ctx.needs_input_grad[2] else None
        return grad_values, None, grad_W


def encode(pre: PreActivations, places: Places, b_dec: Tensor | None) -> Tensor:
    """Return the pre-activations at some places.

    Gradients reach W_enc, b_enc, and b_dec (d_in,) where what is encoded is x - b_dec (else None).
    """
    return _Encode.apply(pre, places, pre.W_enc, pre.b_enc, b_dec)


def decode(values: Tensor, places: Places, W_dec: Tensor) -> Tensor:
    """Return the sum of values times rows of W_dec: (row, d)."""
    if isinstance(places, Everywhere):
        return values @ W_dec
    return _Decode.apply(values, places, W_dec)
