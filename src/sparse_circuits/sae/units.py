"""The units in which training takes place: each site's data has mean 0 and variance 1 a dimension."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Units:
    """x = mean + scale x', side by side for the sites that are read, or written, together.

    `mean` and `scale` (d,), d being the sum of the sites' `widths`. `length` is what a feature of 1 measures in the
    model: the scale of a single site; of several, which have no scale in common, 1.
    """

    mean: Tensor
    scale: Tensor
    widths: tuple[int, ...]
    length: float

    @classmethod
    def of(cls, means: Sequence[Tensor], mean_squared_norms: Sequence[float]) -> "Units":
        """Return the units of data whose sites have these means (width,) and mean squared norms."""
        scales = [
            ((squared - mean.double().square().sum().item()) / len(mean)) ** 0.5
            for mean, squared in zip(means, mean_squared_norms, strict=True)
        ]
        widths = tuple(map(len, means))
        scale = torch.cat([torch.full((n,), s, dtype=torch.float64) for n, s in zip(widths, scales, strict=True)])
        return cls(torch.cat(list(means)), scale, widths, scales[0] if len(scales) == 1 else 1.0)

    def apply(self, x: Tensor) -> Tensor:
        """Return x' (row, d), fp32, of rows x on the same device."""
        return (x.float() - self.mean) / self.scale.float()

    def to(self, device: torch.device) -> "Units":
        """Move them to a device."""
        return Units(self.mean.to(device), self.scale.to(device), self.widths, self.length)

    def of_sites(self, first: int, end: int | None = None) -> "Units":
        """Return the units of the sites from number `first` on, up to number `end`."""
        widths = self.widths[first:end]
        begin = sum(self.widths[:first])
        part = slice(begin, begin + sum(widths))
        return Units(self.mean[part], self.scale[part], widths, self.scale[begin].item() if len(widths) == 1 else 1.0)
