"""Keeping only the largest weights of a matrix: the projection after each step of weight-sparse training."""

import torch
from torch import Tensor

LOW = 16  # bits of a float's pattern that the second histogram resolves


def kth_largest(size: Tensor, k: int) -> Tensor:
    """Return the k-th largest of values that are 0 or more, in fp32: a tensor of no dimension.

    Bit patterns of such floats are in the order of the floats. A histogram of their upper halves finds the bucket of
    the k-th largest, one of the lower halves within it the value: two passes and no sort.
    """
    if not 1 <= k <= size.numel():
        raise ValueError(f"k is {k}, there are {size.numel()} values")
    bits = size.detach().float().flatten().contiguous().view(torch.int32)
    upper = bits >> LOW
    bucket, left = _bucket_of(torch.bincount(upper, minlength=1 << (31 - LOW)), k)
    lower = bits[upper == bucket] & ((1 << LOW) - 1)
    rest, _ = _bucket_of(torch.bincount(lower, minlength=1 << LOW), left)
    return ((bucket << LOW) | rest).to(torch.int32).view(torch.float32)


def _bucket_of(counts: Tensor, k: Tensor | int) -> tuple[Tensor, Tensor]:
    """Return the bucket of the k-th largest, and which largest within the bucket it is."""
    at_least = counts.flip(0).cumsum(0).flip(0)
    bucket = (at_least >= k).sum() - 1
    return bucket, k - (at_least[bucket] - counts[bucket])


@torch.no_grad()
def project_(weight: Tensor, share: float, least: int = 0, axis: int = 1) -> None:
    """Zero all but the largest |weights| of a matrix in place: `share` of all, and the `least` largest along `axis`.

    With axis 1 every row keeps at least so many (a neuron's inputs), with axis 0 every column (its outputs). Weights
    that tie the last one kept are kept too.
    """
    size = weight.abs()
    keep = size >= kth_largest(size, max(1, round(share * size.numel())))
    if least:
        keep |= size >= size.topk(min(least, size.shape[axis]), dim=axis).values.amin(dim=axis, keepdim=True)
    weight.mul_(keep)
