"""Nodes' coordinates rewritten where they stand: x' = x + (g(f) - f) W_dec; what a dictionary leaves over stays.

With g = 0 features are ablated, with a factor scaled (a negative one steers the other way), with a value clamped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Dictionary, Features, Node
from sparse_circuits.circuits.matched_random import matched_random
from sparse_circuits.config.site import Site
from sparse_circuits.models.intervention import beyond_separator
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, run
from sparse_circuits.sae.autoencoder import SparseAutoencoder


@dataclass(frozen=True)
class Rewriting:
    """What becomes of a node's coordinate f: `clamp` where given, else `factor` * f.

    With `below`, a coordinate of that size or larger stays as it is: what a feature says weakly can be another thing
    than what it says aloud.
    """

    factor: float = 0.0
    clamp: float | None = None
    below: float | None = None

    def __call__(self, f: Tensor) -> Tensor:
        """Return the new coordinate; a feature that is silent stays silent, unless it is clamped."""
        new = f * self.factor if self.clamp is None else torch.full_like(f, self.clamp)
        return new if self.below is None else torch.where(f.abs() < self.below, new, f)


def rewrite_nodes(basis: Basis, rewritings: Mapping[Node, Rewriting]) -> dict[Site, Edit]:
    """Return the intervention that rewrites some nodes' coordinates.

    Raises StudyError for a node that the basis has not, for error nodes, heads, and nodes of transcoders, which write
    another site than they read.
    """
    by_site: dict[Site, dict[int, Rewriting]] = {}
    for node, rewriting in rewritings.items():
        by_site.setdefault(node.site, {})[_index(basis, node)] = rewriting
    return {site: _rewriter(basis[site], nodes) for site, nodes in by_site.items()}


def _index(basis: Basis, node: Node) -> int:
    dictionary = basis.get(node.site)
    if dictionary is None or node.index is None or node.index >= dictionary.width:
        raise StudyError(f"node {node.id}: not in this basis, whose sites are {', '.join(map(str, basis))}")
    if dictionary.reads or dictionary.group > 1:
        raise StudyError(f"node {node.id}: only features of autoencoders, neurons and channels can be rewritten")
    return node.index


def _rewriter(dictionary: Dictionary, nodes: Mapping[int, Rewriting]) -> Edit:
    indices = torch.tensor(list(nodes))
    read, rows = _few(dictionary, indices)

    def edit(x: Tensor) -> Tensor:
        columns = zip(nodes.values(), read(x).unbind(dim=-1), strict=True)
        change = torch.stack([rewriting(f) - f for rewriting, f in columns], dim=-1)
        return x + (
            change @ rows.to(x.device) if rows is not None else torch.zeros_like(x).index_copy(-1, indices, change)
        )

    return beyond_separator(edit)


def _few(dictionary: Dictionary, indices: Tensor) -> tuple[Edit, Tensor | None]:
    """Return how to read the coordinates of some nodes alone, and the rows that write them; none for coordinates."""
    if not isinstance(dictionary, Features):
        return lambda x: x[..., indices], None
    sae = dictionary.sae
    if sae.k is None:
        few = _columns(sae, indices)
        return few.encode, few.W_dec
    # Whether a feature is among the k largest depends on all others.
    return lambda x: sae.encode(x)[..., indices], sae.W_dec[indices]


def _columns(sae: SparseAutoencoder, indices: Tensor) -> SparseAutoencoder:
    """The autoencoder of some features alone: exact where features do not compete."""
    return replace(
        sae,
        W_enc=sae.W_enc[:, indices],
        b_enc=sae.b_enc[indices],
        W_dec=sae.W_dec[indices],
        threshold=None if sae.threshold is None else sae.threshold[indices],
    )


def random_nodes(
    nodes: Sequence[Node], model: Model, basis: Basis, batches: Iterable[Tensor], generator: torch.Generator
) -> list[Node]:
    """Return as many random nodes at each site, none of which is among `nodes`: the control of a choice.

    They are drawn from those that are active on prompts (prompt, position) in batches: to ablate what is silent
    changes nothing. Raises StudyError where too few are active.
    """
    sites, taken = list(dict.fromkeys(node.site for node in nodes)), set(nodes)
    active = _active(model, {site: basis[site] for site in sites}, batches)
    others = [Node(site, index) for site in sites for index in active[site].nonzero().flatten().tolist()]
    drawn = matched_random(nodes, [node for node in others if node not in taken], generator)
    if len(drawn) < len(nodes):
        raise StudyError(f"{len(nodes)} nodes are edited, and only {len(drawn)} others are active: no random control")
    return drawn


@torch.no_grad()
def _active(model: Model, basis: Basis, batches: Iterable[Tensor]) -> dict[Site, Tensor]:
    """Which coordinates are not 0 somewhere behind the separator: (width,) of booleans a site."""
    found = {site: torch.zeros(dictionary.width, dtype=torch.bool) for site, dictionary in basis.items()}
    for tokens in batches:
        read = run(model, tokens.to(model.device), read=list(basis)).activations
        for site, dictionary in basis.items():
            found[site] |= (dictionary.read(read[site][:, 1:]) != 0).flatten(0, 1).any(dim=0).cpu()
    return found
