"""Encoder and selection in one: the k largest pre-activations of each row, without ever writing all of them to memory.

In two exact stages, as in `sparse.largest`. The product goes tile by tile through tensor cores and leaves, of each
group of 16 features, the largest pre-activation, whose it is, and the second largest: a seventh of what all of them
would take. The k groups with the largest maxima hold the k largest of the row. Their maxima are those k already, unless
a group holds several; a group whose second largest exceeds the smallest of the k is computed once more, all of it, and
takes its places. That is about k²/2 · 16/d_sae groups a row, so that it costs next to nothing.

Why not one kernel with a running selection a row: merging each tile into sorted lists takes more time than the tile's
product (bitonic, by count of operations), and one program for each tile of rows leaves most of a GPU idle. Why not all
members of the k groups anew: 16 k rows of W_enc a row, gathered, are more bytes than pre-activations would be. Gao et
al. 2024 (arXiv 2406.04093), appendix D, write these out.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

GROUP = 16
ROWS, FEATURES, BYTES = 128, 128, 128  # of a tile; bytes of d_in that are loaded at a time
COLUMNS = 128  # of d_in at a time, where single groups are computed


def encode_largest(x: Tensor, W_enc: Tensor, b_enc: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return values and indices (row, k) of the k largest of x W_encᵀ + b_enc in each row, in no order.

    x (row, d_in) and W_enc (d_sae, d_in), both in bf16, fp32 or fp64; b_enc (d_sae,) and the values in fp32 (in fp64
    for fp64), which is also what is summed in. k is at most d_sae / 16. Of values that equal the k-th, those of the
    groups that `torch.topk` prefers are taken, within a group the lowest feature first: the same each time.
    """
    rows, d_in = x.shape
    d_sae = len(W_enc)
    groups = triton.cdiv(d_sae, GROUP)
    best, second = (b_enc.new_empty(rows, groups) for _ in range(2))
    winner = torch.empty(rows, groups, dtype=torch.int8, device=x.device)
    x, W_enc = x.contiguous(), W_enc.contiguous()
    with torch.cuda.device_of(x):
        # Programs that follow one another share a tile of W_enc, which is then read from memory once.
        _group_maxima[triton.cdiv(rows, ROWS), triton.cdiv(d_sae, FEATURES)](
            x, W_enc, b_enc, best, second, winner, rows, d_in, d_sae,
            GROUP, ROWS, FEATURES, BYTES // x.element_size(), num_warps=8, num_stages=3,
        )  # fmt: skip
        chosen = best.topk(k, dim=1, sorted=False).indices
        values, indices = b_enc.new_empty(rows, k), torch.empty_like(chosen)
        _settle[(rows,)](
            x, W_enc, b_enc, best, second, winner, chosen, values, indices, d_in, d_sae, k,
            triton.next_power_of_2(k), GROUP, COLUMNS, num_warps=1,
        )  # fmt: skip
    return values, indices


@triton.jit
def _group_maxima(
    x: tl.tensor, W_enc: tl.tensor, b_enc: tl.tensor, best: tl.tensor, second: tl.tensor, winner: tl.tensor,
    rows: tl.tensor, d_in: tl.tensor, d_sae: tl.tensor, GROUP: tl.constexpr, ROWS: tl.constexpr,
    FEATURES: tl.constexpr, COLUMNS: tl.constexpr,
) -> None:  # fmt: skip
    """Of a tile (ROWS, FEATURES) of pre-activations, what is kept of each group."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    feature = tl.program_id(1).to(tl.int64) * FEATURES + tl.arange(0, FEATURES)[None, :]
    sums = tl.zeros((ROWS, FEATURES), b_enc.dtype.element_ty)
    for begin in range(0, d_in, COLUMNS):
        across = begin + tl.arange(0, COLUMNS)[None, :]
        down = begin + tl.arange(0, COLUMNS)[:, None]
        left = tl.load(x + row * d_in + across, mask=(row < rows) & (across < d_in), other=0.0)
        right = tl.load(W_enc + feature * d_in + down, mask=(feature < d_sae) & (down < d_in), other=0.0)
        sums = tl.dot(left, right, sums, input_precision="ieee", out_dtype=sums.dtype)
    # What lies beyond the last feature has a bias of -inf, and is never the largest.
    pre = sums + tl.load(b_enc + feature, mask=feature < d_sae, other=float("-inf"))
    grouped = tl.reshape(pre, (ROWS, FEATURES // GROUP, GROUP))
    largest, member = tl.max(grouped, axis=2, return_indices=True)
    others = tl.where(tl.arange(0, GROUP)[None, None, :] == member[:, :, None], float("-inf"), grouped)
    groups = tl.cdiv(d_sae, GROUP)
    group = tl.program_id(1) * (FEATURES // GROUP) + tl.arange(0, FEATURES // GROUP)[None, :]
    place, inside = row * groups + group, (row < rows) & (group < groups)
    tl.store(best + place, largest, mask=inside)
    tl.store(second + place, tl.max(others, axis=2), mask=inside)
    tl.store(winner + place, member.to(tl.int8), mask=inside)


@triton.jit
def _settle(
    x: tl.tensor, W_enc: tl.tensor, b_enc: tl.tensor, best: tl.tensor, second: tl.tensor, winner: tl.tensor,
    chosen: tl.tensor, values: tl.tensor, indices: tl.tensor, d_in: tl.tensor, d_sae: tl.tensor, k: tl.tensor,
    SLOTS: tl.constexpr, GROUP: tl.constexpr, COLUMNS: tl.constexpr,
) -> None:  # fmt: skip
    """The k largest of one row: the maxima of the chosen groups, but for what further members of these exceed."""
    row = tl.program_id(0).to(tl.int64)
    groups = tl.cdiv(d_sae, GROUP)
    slot = tl.arange(0, SLOTS)
    used = slot < k
    group = tl.load(chosen + row * k + slot, mask=used, other=0)
    # A slot beyond k holds inf: it is never the smallest.
    value = tl.load(best + row * groups + group, mask=used, other=float("inf"))
    feature = group * GROUP + tl.load(winner + row * groups + group, mask=used, other=0)
    member = tl.arange(0, GROUP)
    for one in range(k):
        group_of_one = tl.load(chosen + row * k + one)
        if tl.load(second + row * groups + group_of_one) > tl.min(value):
            known = tl.load(winner + row * groups + group_of_one)
            begin = group_of_one * GROUP
            inside = begin + member < d_sae
            pre = tl.load(b_enc + begin + member, mask=inside, other=float("-inf"))
            for first in range(0, d_in, COLUMNS):
                column = first + tl.arange(0, COLUMNS)
                weights = tl.load(
                    W_enc + (begin + member)[:, None] * d_in + column[None, :],
                    mask=inside[:, None] & (column < d_in)[None, :],
                    other=0.0,
                )
                activations = tl.load(x + row * d_in + column, mask=column < d_in, other=0.0)
                pre += tl.sum(weights.to(pre.dtype) * activations.to(pre.dtype)[None, :], axis=1)
            pre = tl.where(member == known, float("-inf"), pre)
            while tl.max(pre) > tl.min(value):
                taken, place = tl.argmax(pre, axis=0), tl.argmin(value, axis=0)
                feature = tl.where(slot == place, begin + taken, feature)
                value = tl.where(slot == place, tl.max(pre), value)
                pre = tl.where(member == taken, float("-inf"), pre)
    tl.store(values + row * k + slot, value, mask=used)
    tl.store(indices + row * k + slot, feature, mask=used)
