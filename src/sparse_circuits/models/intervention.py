"""An edit while the model runs: a function of the activation at each site, and how such functions are composed."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from sparse_circuits.base.types import Activation
from sparse_circuits.config.site import Site

Edit = Callable[[Activation], Activation]
Intervention = Mapping[Site, Edit]


def compose(parts: Sequence[Intervention]) -> dict[Site, Edit]:
    """Return the intervention of several, applied at each site in their order."""
    sites = sorted({site for part in parts for site in part}, key=lambda site: site.order)
    return {site: _chain([part[site] for part in parts if site in part]) for site in sites}


def _chain(edits: Sequence[Edit]) -> Edit:
    def edit(x: Tensor) -> Tensor:
        for one in edits:
            x = one(x)
        return x

    return edit


def beyond_separator(edit: Edit) -> Edit:
    """Leave the separator at position 0 as it is: an attention sink, on which no autoencoder is trained."""
    return lambda x: torch.cat([x[:, :1], edit(x[:, 1:])], dim=1)
