"""What stands in for an ablated node: its mean, nothing, or what it is on the patch prompt."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Basis, sites_read
from sparse_circuits.circuits.scores import SiteMeans
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.tasks.pairs import PairBatch


class Fill(NamedTuple):
    """What is put in at one site: `coordinates` (pair or 1, position or 1, coordinate), `error` the same with d."""

    coordinates: Tensor
    error: Tensor


Ablation = Callable[[Model, Basis, PairBatch], dict[Site, Fill]]


def mean_ablation(means: Mapping[Site, SiteMeans]) -> Ablation:
    """Return the ablation that sets nodes to their means over training prompts, by distance from the last token."""

    def fills(model: Model, basis: Basis, batch: PairBatch) -> dict[Site, Fill]:
        found = {site: means[site].at(model.positions(batch.clean, site)) for site in basis}
        return {site: Fill(*(part.unsqueeze(0).to(model.device) for part in parts)) for site, parts in found.items()}

    return fills


def zero_ablation(model: Model, basis: Basis, batch: PairBatch) -> dict[Site, Fill]:
    """Set coordinates to 0; of what an autoencoder loses, only its bias is left."""
    nothing = {site: torch.zeros(1, 1, d.width * d.group, device=model.device) for site, d in basis.items()}
    return {site: Fill(zero, basis[site].write(zero) + basis[site].resting) for site, zero in nothing.items()}


@torch.no_grad()
def resample_ablation(model: Model, basis: Basis, batch: PairBatch) -> dict[Site, Fill]:
    """Set nodes to what they are on the pair's patch prompt (the counterfactual of MIB and EAP)."""
    patch = run(model, batch.patch, read=sites_read(basis)).activations
    found = {}
    for site, dictionary in basis.items():
        coordinates = dictionary.read(patch[dictionary.reads or site])
        found[site] = Fill(coordinates, patch[site] - dictionary.write(coordinates))
    return found
