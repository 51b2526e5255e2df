"""Edges between the kept nodes of sites: what an upstream node's change does to the metric through one downstream node
(Marks et al. 2024, appendix A.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.circuits.basis import Dictionary, Node, by_coordinate, by_node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.direct_paths import DirectPaths, cut_at_sites, decoder_rows, encoder_rows, reading_sites
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.run import run

Edge = tuple[str, str, float]  # source id, target id, weight

ROWS = 4096  # rows (lane, pair, position) of one batched backward pass: what products need to be fast, and no more


@dataclass(frozen=True)
class _Sources:
    """The kept nodes of a site as sources: `written` (coordinate, d), `change` (pair, position, coordinate).

    A node is `group` coordinates; `unexplained` (pair, position, d, error node) are changes of error nodes.
    """

    names: list[str]
    written: Tensor
    change: Tensor
    group: int
    unexplained: Tensor

    def contract(self, gradient: Tensor) -> Tensor:
        """Return gradient · change for each node, summed over positions: (lane, pair, node)."""
        nodes = torch.einsum("lbpc,bpc->lbc", gradient @ self.written.T, self.change)
        return torch.cat(
            [by_node(nodes, self.group), torch.einsum("lbpd,bpde->lbe", gradient, self.unexplained)], dim=-1
        )


@dataclass(frozen=True)
class _Targets:
    """The kept nodes of a site as targets: `read` (node, group, d_in), `pull` (pair, position, node, group).

    `pull` is dm/dd where the node is active, else 0.
    """

    names: list[str]
    read: Tensor
    pull: Tensor


def feature_edges(bench: Bench, nodes: Sequence[Node], scoring: Scoring) -> list[Edge]:
    """Return the edges into every node of `nodes` from those, error nodes too, that reach it through no other site.

    weight(u -> d) = mean over pairs of the sum over positions of dm/dd · dd/du · (u_patch - u_clean), in units of the
    metric, over the pairs of the commonest length. dm/dd is averaged by the method of `scoring` as for the scores;
    dd/du is taken on the clean run, for the linear part of d, at the positions where d is active in either run, along
    paths that no site of the basis cuts. Whatever else lies between, attention and MLP, is part of the edge: with its
    true gradient, or for `relp` as RelP passes it, with constant attention patterns and norm scales.

    Where only the residual stream lies between, weights are products of decoder and encoder rows. Elsewhere all targets
    are pulled back in batched backward passes: a pair is a world of its own, so each lane of a pass carries in each
    pair another target that is active there.
    """
    model, basis = bench.model, bench.basis
    batch = max((group for _, group in bench.groups), key=len).to(model.device)
    found = METHODS[scoring.method](model, batch, list(basis), scoring.points)
    reads = reading_sites(basis)
    paths = cut_at_sites(model, batch.clean, list(basis), list(reads.values()), linear=scoring.method == "relp")
    patch = run(model, batch.patch, read=list(reads.values())).activations
    # Before the first token that differs the runs are alike, so nothing upstream changes what a target there could
    # feel. Without a counterfactual everything after the separator changes: to nothing.
    begin = model.first_difference(batch.clean, batch.patch) if all(part.to_patch for part in found.values()) else 1
    edges: list[Edge] = []
    sources: dict[Site, _Sources] = {}
    with torch.no_grad():
        sides = {
            site: [d.read(x) for x in (paths.arrivals[reads[site]].detach(), patch[reads[site]])]
            for site, d in basis.items()
        }
    for site, dictionary in Progress(basis.items(), desc="edges", unit="site"):
        kept = [node for node in nodes if node.site == site]
        arrival = paths.arrivals[reads[site]]
        targets = _targets(dictionary, found[site], sides[site], [n for n in kept if n.index is not None], begin)
        if targets.names and sources and arrival.requires_grad:
            weights = _residual(paths, arrival, sources, targets)
            weights = _batched(paths, arrival, sources, targets) if weights is None else weights
            for up, weight in weights.items():
                edges += [
                    (source, target, value)
                    for target, row in zip(targets.names, weight.tolist(), strict=True)
                    for source, value in zip(sources[up].names, row, strict=True)
                ]
        if kept:
            sources[site] = _sources(dictionary, found[site], sides[site], kept)
    return edges


@torch.no_grad()
def _sources(dictionary: Dictionary, found: SiteGradient, sides: list[Tensor], kept: list[Node]) -> _Sources:
    clean, patch = sides
    change = (patch if found.to_patch else 0) - clean
    rest = found.clean - dictionary.write(clean)
    unexplained = (found.patch - dictionary.write(patch) if found.to_patch else 0) - rest
    indexed, errors = ([n for n in kept if (n.index is None) == is_error] for is_error in (False, True))
    coordinates = _coordinates(dictionary, indexed, change.device)
    here, there = (_at_positions(part, change) for part in (indexed, errors))
    if not found.to_patch:
        here[0] = there[0] = 0  # the separator, which is never ablated
    return _Sources(
        [node.id for node in indexed + errors],
        decoder_rows(dictionary, coordinates),
        change[..., coordinates] * by_coordinate(here, dictionary.group),
        dictionary.group,
        unexplained.unsqueeze(-1) * there.unsqueeze(1),
    )


@torch.no_grad()
def _targets(
    dictionary: Dictionary, found: SiteGradient, sides: list[Tensor], kept: list[Node], begin: int
) -> _Targets:
    """The kept nodes of a site, which feel nothing before position `begin`."""
    clean, patch = sides
    coordinates = _coordinates(dictionary, kept, clean.device)
    pull = found.gradient @ decoder_rows(dictionary, coordinates).T
    pull = pull * by_coordinate(_at_positions(kept, pull), dictionary.group)
    if dictionary.has_error:
        active = (clean != 0) | (patch != 0) if found.to_patch else clean != 0
        pull = pull * active[..., coordinates]
    pull[:, :begin] = 0
    shape = (-1, dictionary.group)
    return _Targets(
        [node.id for node in kept], encoder_rows(dictionary, coordinates).unflatten(0, shape), pull.unflatten(-1, shape)
    )


def _coordinates(dictionary: Dictionary, nodes: Sequence[Node], device: torch.device) -> Tensor:
    """The coordinates of some nodes, side by side: (node * group,)."""
    first = torch.tensor([node.index for node in nodes], dtype=torch.long, device=device) * dictionary.group
    return (first.unsqueeze(1) + torch.arange(dictionary.group, device=device)).flatten()


def _at_positions(nodes: Sequence[Node], like: Tensor) -> Tensor:
    """1 at each node's position, or everywhere: (position, node)."""
    mask = like.new_zeros(like.shape[1], len(nodes))
    for column, node in enumerate(nodes):
        mask[slice(None) if node.position is None else node.position, column] = 1
    return mask


@torch.no_grad()
def _residual(
    paths: DirectPaths, arrival: Tensor, sources: dict[Site, _Sources], targets: _Targets
) -> dict[Site, Tensor] | None:
    """Weights (target, source) by site where nothing but the residual stream lies between, else None."""
    if not paths.is_identity(arrival):
        return None
    reached = [site for site in paths.gradients(arrival, torch.zeros_like(arrival).unsqueeze(0)) if site in sources]
    read, pull = targets.read.flatten(0, 1), targets.pull.flatten(2)
    count, group = targets.read.shape[:2]
    weights = {}
    for site in reached:
        up = sources[site]
        # Σ over positions of pull · change, for each two coordinates, times what one reads of what the other writes.
        both = torch.einsum("bpt,bpc->tc", pull, up.change) * (read @ up.written.T)
        error = torch.einsum("bpt,td,bpde->te", pull, read, up.unexplained)
        weights[site] = torch.cat([by_node(both, up.group), error], dim=-1).view(count, group, -1).sum(dim=1) / len(
            pull
        )
    return weights


def _batched(
    paths: DirectPaths, arrival: Tensor, sources: dict[Site, _Sources], targets: _Targets
) -> dict[Site, Tensor]:
    """Weights (target, source) by site, by batched backward passes."""
    pairs, positions = arrival.shape[:2]
    lanes = _lanes(targets.pull)
    weights: dict[Site, Tensor] = {}
    if not len(lanes):  # no target is active in these pairs, and torch takes no empty batch of cotangents
        return weights
    for part in lanes.split(max(1, ROWS // (pairs * positions))):
        carried = part.clamp(min=0)
        pull = targets.pull[torch.arange(pairs, device=part.device), :, carried]  # (lane, pair, position, group)
        pull = pull * (part >= 0)[..., None, None]
        gradients = paths.gradients(arrival, pull @ targets.read[carried])
        for site in gradients.keys() & sources.keys():
            values = sources[site].contract(gradients[site]).flatten(0, 1) / pairs
            total = weights.setdefault(site, values.new_zeros(len(targets.names), values.shape[1]))
            total.index_add_(0, carried.flatten(), values)
    return weights


def _lanes(pull: Tensor) -> Tensor:
    """Which target each lane carries in each pair (lane, pair), -1 for none: in each pair those that are active."""
    active = (pull != 0).any(dim=3).any(dim=1)  # (pair, target)
    order = active.int().argsort(dim=1, descending=True, stable=True)
    first = torch.arange(order.shape[1], device=pull.device) < active.sum(dim=1, keepdim=True)
    lanes = torch.where(first, order, -1).T
    return lanes[: int(active.sum(dim=1).max())]
