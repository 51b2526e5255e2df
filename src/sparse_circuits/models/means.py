"""Means of activations over text."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from torch import Tensor

K = TypeVar("K", bound=Hashable)


def mean_over_passes(passes: Iterable[Mapping[K, Tensor]]) -> dict[K, Tensor]:
    """Return what stands at each place (width,), the mean over all positions of passes (prompt, position, width)."""
    sums: dict[K, Tensor] = {}
    count = 0
    for found in passes:
        for place, values in found.items():
            total = values.double().sum(dim=(0, 1))
            sums[place] = sums[place] + total if place in sums else total
        # An image has fewer positions than tokens.
        count += next(iter(found.values()))[..., 0].numel()
    return {place: (total / count).float() for place, total in sums.items()}
