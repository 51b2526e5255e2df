"""Dot products of two matrices' rows, at (row, feature) pairs only: the gradient of the values that were decoded."""

import torch
import triton
import triton.language as tl
from torch import Tensor

PAIRS, COLUMNS = 16, 128  # of a tile


def products(rows: Tensor, matrix: Tensor, indices: Tensor, begins: Tensor) -> Tensor:
    """Return the dot product of each row with the rows of a matrix that its pairs name: (pair,).

    rows (row, d) and matrix (d_sae, d), in fp32 or fp64, which is also what is summed in; indices (pair,); begins
    (row + 1,), where each row's pairs begin, the last one being the number of pairs.
    """
    count, d = rows.shape
    rows, matrix = rows.contiguous(), matrix.contiguous()
    dots = rows.new_empty(len(indices))
    with torch.cuda.device_of(rows):
        _products[(count,)](rows, matrix, indices, begins, dots, d, PAIRS, COLUMNS, num_warps=4)
    return dots


@triton.jit
def _products(
    rows: tl.tensor, matrix: tl.tensor, indices: tl.tensor, begins: tl.tensor, dots: tl.tensor, d: tl.tensor,
    PAIRS: tl.constexpr, COLUMNS: tl.constexpr,
) -> None:  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    end = tl.load(begins + row + 1)
    for begin in range(tl.load(begins + row), end, PAIRS):
        pair = begin + tl.arange(0, PAIRS)
        index = tl.load(indices + pair, mask=pair < end, other=0)
        total = tl.zeros((PAIRS,), dots.dtype.element_ty)
        for first in range(0, d, COLUMNS):
            column = first + tl.arange(0, COLUMNS)
            inside = (pair < end)[:, None] & (column < d)[None, :]
            others = tl.load(matrix + index[:, None] * d + column[None, :], mask=inside, other=0.0)
            own = tl.load(rows + row * d + column, mask=column < d, other=0.0)
            total += tl.sum(others * own[None, :], axis=1)
        tl.store(dots + pair, total, mask=pair < end)
