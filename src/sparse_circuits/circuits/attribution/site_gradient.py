"""What every attribution method returns."""

from typing import NamedTuple

from torch import Tensor


class SiteGradient(NamedTuple):
    """Of one site: activations of both runs and the metric's (averaged) gradient, each (pair, position, width)."""

    clean: Tensor
    patch: Tensor
    gradient: Tensor
