"""What every attribution method returns."""

from typing import NamedTuple

from torch import Tensor


class SiteGradient(NamedTuple):
    """Of one site: activations of both runs and the metric's (averaged) gradient, each (pair, position, width).

    `to_patch` says that the gradient is for the change from clean to patch; else it is for the change to nothing.
    """

    clean: Tensor
    patch: Tensor
    gradient: Tensor
    to_patch: bool = True
