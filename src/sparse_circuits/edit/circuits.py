"""Mean ablation on any text: nodes at their means over a corpus, whether they are few or all but a circuit's."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Dictionary, Node, by_coordinate, sites_read
from sparse_circuits.config.site import Site
from sparse_circuits.models.intervention import beyond_separator
from sparse_circuits.models.load import Model
from sparse_circuits.models.means import mean_over_passes
from sparse_circuits.models.run import Edit, run


@torch.no_grad()
def coordinates(model: Model, basis: Basis, tokens: Tensor) -> dict[Site, Tensor]:
    """Return each site's coordinates (sequence, position, coordinate) on tokens (sequence, token), no separators."""
    read = run(model, tokens.to(model.device), read=sites_read(basis)).activations
    return {site: dictionary.read(read[dictionary.reads or site][:, 1:]) for site, dictionary in basis.items()}


def mean_coordinates(model: Model, basis: Basis, batches: Iterable[Tensor]) -> dict[Site, Tensor]:
    """Return each site's mean coordinates (coordinate,) over tokens (sequence, position), separators left out."""
    return mean_over_passes(coordinates(model, basis, batch) for batch in batches)


def mean_intervention(
    basis: Basis, means: Mapping[Site, Tensor], nodes: Sequence[Node], keep: bool = False
) -> dict[Site, Edit]:
    """Return the intervention that sets nodes to their means; with `keep`, all others instead.

    Errors stay as they are. Raises StudyError for nodes that the basis has not.
    """
    masks = {site: torch.full((dictionary.width,), keep) for site, dictionary in basis.items()}
    for node in nodes:
        if node.site not in masks or (node.index is not None and node.index >= len(masks[node.site])):
            raise StudyError(f"node {node.id}: not in this basis, whose sites are {', '.join(map(str, basis))}")
        if node.index is not None:
            masks[node.site][node.index] = not keep
    edits: dict[Site, Edit] = {}
    for site, mask in masks.items():
        if mask.any():
            edits |= _ablated(site, basis[site], means[site], mask)
    return edits


def _ablated(site: Site, dictionary: Dictionary, mean: Tensor, mask: Tensor) -> dict[Site, Edit]:
    chosen = by_coordinate(mask.float(), dictionary.group)
    read: dict[str, Tensor] = {}

    def keep(x: Tensor) -> Tensor:
        read["x"] = x
        return x

    def edit(x: Tensor) -> Tensor:
        source = read["x"][:, 1:] if dictionary.reads else x
        return x + dictionary.write((mean - dictionary.read(source)) * chosen.to(x.device))

    return {**({dictionary.reads: keep} if dictionary.reads else {}), site: beyond_separator(edit)}
