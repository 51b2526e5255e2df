"""The attribution graph of one prompt: direct effects between the features, errors, tokens and logits of a model whose
attention patterns and norm scales are held (Ameisen et al. 2025, "Circuit tracing").

Every path is linear there, so a gradient is an exact effect. A target's row, what each source adds to it, is one lane
of a batched backward pass. Which features get a row is decided by the influence that they have on the output so far, as
in circuit-tracer. Rows are kept sparse.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack
from torch import Tensor

from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.basis import Features, Node
from sparse_circuits.circuits.direct_paths import DirectPaths, cut_at_sites, reading_sites
from sparse_circuits.circuits.graph.influence import influence, normalised
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model

EMBED = Site("embed")
LANE_TOKENS = 16_384  # lanes x positions of a batched backward pass
RERANK = 4  # batches between two rankings of what is to get a row
ENTRIES = 2**25  # kept of all rows: of each its largest, as many as there is room for; its sum is taken over all


@dataclass(frozen=True)
class AttributionGraph:
    """Nodes in the order of the computation, and `weights` (target node, source node): what a source adds to a target.

    A feature as a target is its pre-activation without bias, a logit is taken before any cap and less the mean of all
    logits. Arrays (node,): `sites` (numbers into `site_names`), `positions`, `indices` (feature, or token id of tokens
    and logits), `values` (activation; for logits the logit less the mean), `levels`, `probabilities` (of logits, else
    0).
    """

    site_names: list[Site]
    sites: NDArray[np.int64]
    positions: NDArray[np.int64]
    indices: NDArray[np.int64]
    values: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    weights: csr_array

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.sites)

    @property
    def levels(self) -> NDArray[np.int64]:
        """What rises along every edge (node,): the number of the node's site."""
        return self.sites

    @property
    def is_token(self) -> NDArray[np.bool_]:
        """Which nodes are embeddings of tokens (node,)."""
        return self.sites == 0

    @property
    def is_logit(self) -> NDArray[np.bool_]:
        """Which nodes are logits (node,)."""
        return self.sites == len(self.site_names)

    @property
    def is_error(self) -> NDArray[np.bool_]:
        """Which nodes are errors (node,)."""
        return (self.indices < 0) & ~self.is_token & ~self.is_logit

    @property
    def is_feature(self) -> NDArray[np.bool_]:
        """Which nodes are features (node,)."""
        return (self.indices >= 0) & ~self.is_token & ~self.is_logit

    def node(self, number: int) -> Node:
        """Return a feature or error as a node."""
        index = int(self.indices[number])
        return Node(self.site_names[self.sites[number]], None if index < 0 else index, int(self.positions[number]))


@dataclass(frozen=True)
class _Sources:
    """What stands at one site as nodes from number `first` on.

    Features, k a position (`features`, `values`, each (position, k)), then an error a position (position, d).
    """

    first: int
    features: Tensor
    values: Tensor
    error: Tensor

    @property
    def count(self) -> int:
        return self.features.numel() + len(self.error)

    def contract(self, gradient: Tensor, W_dec: Tensor | None) -> Tensor:
        """Return what each node adds, (lane, node), from the site's gradients (lane, position, d)."""
        error = torch.einsum("lpd,pd->lp", gradient, self.error)
        if W_dec is None:
            return error
        rows = W_dec[self.features]  # (position, k, d)
        added = (rows @ gradient.permute(1, 2, 0)).permute(2, 0, 1) * self.values
        return torch.cat([added.flatten(1), error], dim=1)


class _Replacement:
    """One pass on the prompt with every site's activation taken apart into nodes; makes rows."""

    def __init__(self, model: Model, tokens: Tensor, basis: Mapping[Site, Features], max_rows: int) -> None:
        self.basis = basis
        self.row_entries = ENTRIES // max_rows
        self.reads = reading_sites(basis)
        self.sites = [EMBED, *basis]
        self.paths: DirectPaths = cut_at_sites(
            model, tokens, self.sites, list(self.reads.values()), linear=True, logits="last"
        )
        self.sources: dict[Site, _Sources] = {}
        self.size = 0
        with torch.no_grad():
            for site in self.sites:
                x = self.paths.starts[site].detach()[0]
                if site == EMBED:
                    nothing = x.new_zeros(len(x), 0)
                    self.sources[site] = _Sources(0, nothing.long(), nothing, x)
                else:
                    sae = basis[site].sae
                    values, features = sae.encode_sparse(self.paths.arrivals[self.reads[site]].detach()[0])
                    explained = torch.einsum("pk,pkd->pd", values, sae.W_dec[features])
                    self.sources[site] = _Sources(self.size, features, values, x - explained - sae.b_dec)
                self.size += self.sources[site].count

    def rows(self, arrival: Tensor, cotangents: Tensor) -> tuple[csr_array, NDArray[np.float64]]:
        """Return rows (lane, node) of targets with gradients `cotangents` at `arrival`, and their absolute sums."""
        dense = cotangents.new_zeros(len(cotangents), self.size)
        with torch.no_grad():
            for site, gradient in self.paths.gradients(arrival, cotangents).items():
                part = self.sources[site]
                W_dec = self.basis[site].sae.W_dec if site in self.basis else None
                dense[:, part.first : part.first + part.count] = part.contract(gradient[:, 0], W_dec)
        totals = dense.abs().sum(dim=1).double().cpu().numpy()
        kept = min(self.row_entries, self.size)
        if kept < self.size:
            columns = dense.abs().topk(kept, dim=1).indices.sort(dim=1).values
            entries = dense.gather(1, columns).flatten().cpu().numpy()
            begins = np.arange(len(dense) + 1, dtype=np.int64) * kept
            sparse = csr_array((entries, columns.flatten().int().cpu().numpy(), begins), shape=dense.shape)
            sparse.eliminate_zeros()
        else:
            sparse = csr_array(dense.cpu().numpy())
        return sparse, totals


def trace_prompt(
    model: Model,
    tokens: Tensor,
    basis: Mapping[Site, Features],
    logit_mass: float = 0.95,
    max_logits: int = 10,
    max_nodes: int = 5000,
) -> AttributionGraph:
    """Return the attribution graph of the token after a prompt (1, position).

    Its logits are the most probable ones that together have `logit_mass`, at most `max_logits`. Features that have no
    influence on them, and those beyond the `max_nodes` most influential, are left out; what they add to others is not
    in the graph.
    """
    replacement = _Replacement(model, tokens.to(model.device), basis, max_nodes + max_logits)
    logits = replacement.paths.unembedded
    assert replacement.paths.logits is not None
    assert logits is not None
    chosen, probabilities = _likely(replacement.paths.logits.detach()[0, -1], logit_mass, max_logits)
    directions = torch.nn.functional.one_hot(chosen, logits.shape[-1]).to(logits.dtype) - 1 / logits.shape[-1]
    first, totals = replacement.rows(logits, directions[:, None, None, :])
    levels = np.concatenate(
        [
            *(np.full(part.count, number) for number, part in enumerate(replacement.sources.values())),
            [len(replacement.sites)],
        ]
    ).astype(np.int64)
    # Among candidates the logits stand together as one target, which takes from each by its probability.
    together = csr_array((probabilities / np.maximum(totals, 1e-10)) @ abs(first))[None, :]
    rows, sums, targets = [csr_array(together)], [np.ones(1)], [np.array([replacement.size])]
    expanded = np.ones(replacement.size, dtype=bool)
    for site, part in replacement.sources.items():
        if site in basis:
            expanded[part.first : part.first + part.values.numel()] = (part.values == 0).flatten().cpu().numpy()
    weights = [first]
    lanes = max(1, LANE_TOKENS // tokens.shape[1])
    left = max_nodes
    start = np.zeros(replacement.size + 1)
    start[-1] = 1
    with Progress(total=max_nodes, desc="attribute", unit="node") as progress:
        while left:
            shares = csr_array(vstack([normalised(r, s) for r, s in zip(rows, sums, strict=True)]))
            shares.resize(shares.shape[0], replacement.size + 1)
            ranked = influence(shares, np.concatenate(targets), levels, start)[:-1]
            ranked[expanded] = 0
            best = np.argsort(-ranked, kind="stable")[: min(left, RERANK * lanes)]
            best = np.sort(best[ranked[best] > 0])
            if not len(best):
                break
            for site, members in _by_site(replacement, best, lanes):
                found, total = replacement.rows(
                    replacement.paths.arrivals[replacement.reads[site]], _cotangents(replacement, site, members)
                )
                rows.append(found)
                weights.append(found)
                sums.append(total)
                targets.append(members)
            expanded[best] = True
            left -= len(best)
            progress.update(len(best))
    return _packed(replacement, tokens, weights, targets[1:], chosen, probabilities, logits.detach()[0, -1])


def _likely(logits: Tensor, mass: float, most: int) -> tuple[Tensor, NDArray[np.float64]]:
    """The smallest set of tokens with a share of all probability, and their probabilities."""
    probabilities, tokens = logits.softmax(dim=-1).sort(descending=True, stable=True)
    count = min(most, int((probabilities.cumsum(dim=0) < mass).sum()) + 1)
    return tokens[:count], probabilities[:count].double().cpu().numpy()


def _by_site(model: _Replacement, nodes: NDArray[np.int64], lanes: int) -> list[tuple[Site, NDArray[np.int64]]]:
    """Rising numbers of feature nodes in batches of one site each."""
    batches = []
    for site, part in model.sources.items():
        own = nodes[(nodes >= part.first) & (nodes < part.first + part.count)]
        batches += [(site, own[begin : begin + lanes]) for begin in range(0, len(own), lanes)]
    return batches


def _cotangents(model: _Replacement, site: Site, members: NDArray[np.int64]) -> Tensor:
    """What each feature reads, at its position: (lane, 1, position, d_in)."""
    part, sae = model.sources[site], model.basis[site].sae
    places = torch.from_numpy(members - part.first).to(part.features.device)
    positions = places // part.features.shape[1]
    cotangents = sae.W_enc.new_zeros(len(members), 1, len(part.features), sae.d_in)
    cotangents[torch.arange(len(members)), 0, positions] = sae.W_enc.T[part.features.flatten()[places]]
    return cotangents


def _packed(
    model: _Replacement,
    tokens: Tensor,
    weights: list[csr_array],
    targets: list[NDArray[np.int64]],
    chosen: Tensor,
    probabilities: NDArray[np.float64],
    logits: Tensor,
) -> AttributionGraph:
    """The graph of the tokens, errors, features with a row, and logits."""
    expanded = np.concatenate([np.zeros(0, dtype=np.int64), *targets])
    is_node = np.zeros(model.size, dtype=bool)
    is_node[expanded] = True
    columns: dict[str, list[NDArray[np.float64]]] = {"sites": [], "positions": [], "indices": [], "values": []}
    for number, (site, part) in enumerate(model.sources.items()):
        length, k = part.features.shape
        errors = slice(part.first + length * k, part.first + part.count)
        is_node[errors] = True
        columns["sites"].append(np.full(part.count, number))
        columns["positions"].append(np.concatenate([np.arange(length).repeat(k), np.arange(length)]))
        of_errors = tokens[0].cpu().numpy() if site == EMBED else np.full(length, -1)
        columns["indices"].append(np.concatenate([part.features.flatten().cpu().numpy(), of_errors]))
        columns["values"].append(
            np.concatenate([part.values.flatten().cpu().numpy(), part.error.norm(dim=1).cpu().numpy()])
        )
    logit_count = len(chosen)
    last = {
        "sites": np.full(logit_count, len(model.sites)),
        "positions": np.full(logit_count, tokens.shape[1] - 1),
        "indices": chosen.cpu().numpy(),
        "values": (logits[chosen] - logits.mean()).cpu().numpy(),
    }
    arrays = {key: np.concatenate([np.concatenate(parts)[is_node], last[key]]) for key, parts in columns.items()}
    numbers = np.full(model.size, -1, dtype=np.int64)
    numbers[is_node] = np.arange(is_node.sum())
    size = int(is_node.sum()) + logit_count
    into = np.concatenate([np.arange(size - logit_count, size), numbers[expanded]])
    edges = coo_array(vstack(weights))
    inside = is_node[edges.col]
    matrix = csr_array((edges.data[inside], (into[edges.row[inside]], numbers[edges.col[inside]])), shape=(size, size))
    return AttributionGraph(
        model.sites,
        arrays["sites"].astype(np.int64),
        arrays["positions"].astype(np.int64),
        arrays["indices"].astype(np.int64),
        arrays["values"].astype(np.float64),
        np.concatenate([np.zeros(size - logit_count), probabilities]),
        matrix,
    )
