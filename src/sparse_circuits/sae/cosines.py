"""Cosines between rows of decoders, block by block: all of them at once would not fit in memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 1024  # rows at a time: against 65,536 others, 256 MiB


def cosine_blocks(rows: Tensor, others: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield the number of a block's first row and its cosines (block, other), for rows (n, d) and others (m, d)."""
    rows, others = (torch.nn.functional.normalize(part.float(), dim=1) for part in (rows, others))
    for begin in range(0, len(rows), BLOCK):
        yield begin, rows[begin : begin + BLOCK] @ others.T


def largest_cosines(rows: Tensor, others: Tensor | None = None) -> Tensor:
    """Return each row's largest cosine with one of `others`, or, without them, with another of `rows`: (n,)."""
    found = []
    for begin, cosines in cosine_blocks(rows, rows if others is None else others):
        if others is None:
            itself = torch.arange(len(cosines), device=cosines.device)
            cosines[itself, begin + itself] = -1
        found.append(cosines.amax(dim=1))
    return torch.cat(found)
