"""Weighted sums of a matrix's rows, segment by segment: sparse decoding, and the gradients of both weight matrices.

A segment is what is active in one row (decoding), or the rows in which one feature is active (gradients, with the pairs
sorted by feature). One program sums one segment's block of columns, in the order of its pairs: no atomics, and the same
bytes each time, however long the segment. After Gao et al. 2024 (arXiv 2406.04093), appendix D.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

PAIRS, COLUMNS = 16, 128  # of a tile


def sum_segments(matrix: Tensor, indices: Tensor, begins: Tensor, weights: Tensor) -> Tensor:
    """Return, for each segment, the sum of the rows of a matrix that its pairs name, by weights: (segment, d).

    matrix (row, d); indices and weights (pair,); begins (segment + 1,), the last one being the number of pairs. Sums
    are in the matrix's own precision, fp32 or fp64.
    """
    segments, d = len(begins) - 1, matrix.shape[1]
    matrix, weights = matrix.contiguous(), weights.contiguous()
    sums = matrix.new_empty(segments, d)
    with torch.cuda.device_of(matrix):
        _weighted_sums[segments, triton.cdiv(d, COLUMNS)](
            matrix, indices, begins, weights, sums, d, PAIRS, COLUMNS, num_warps=4
        )
    return sums


@triton.jit
def _weighted_sums(
    matrix: tl.tensor, indices: tl.tensor, begins: tl.tensor, weights: tl.tensor, sums: tl.tensor, d: tl.tensor,
    PAIRS: tl.constexpr, COLUMNS: tl.constexpr,
) -> None:  # fmt: skip
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((COLUMNS,), sums.dtype.element_ty)
    end = tl.load(begins + segment + 1)
    for begin in range(tl.load(begins + segment), end, PAIRS):
        pair = begin + tl.arange(0, PAIRS)
        index = tl.load(indices + pair, mask=pair < end, other=0)
        weight = tl.load(weights + pair, mask=pair < end, other=0.0)
        inside = (pair < end)[:, None] & (column < d)[None, :]
        rows = tl.load(matrix + index[:, None] * d + column[None, :], mask=inside, other=0.0)
        total += tl.sum(weight[:, None] * rows, axis=0)
    tl.store(sums + segment * d + column, total, mask=column < d)
