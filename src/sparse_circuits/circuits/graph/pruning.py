"""What of an attribution graph is shown: the nodes, then the edges, that carry most of the influence.

Ameisen et al. 2025; constants and order as in circuit-tracer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sparse_circuits.circuits.graph.influence import influence, normalised
from sparse_circuits.circuits.graph.trace import AttributionGraph


@dataclass(frozen=True)
class Pruned:
    """Which nodes are kept (node,), the kept edges' weights (target, source), and each node's place in the order.

    `cumulative` (node,) is the share of all influence that a node and those above it have: what viewers prune by.
    """

    kept: NDArray[np.bool_]
    weights: csr_array
    cumulative: NDArray[np.float64]


def prune(graph: AttributionGraph, node_share: float, edge_share: float) -> Pruned:
    """Keep the nodes that make up `node_share` of all influence, and of their edges those that make up `edge_share`.

    Tokens and logits always stay. Then what leads nowhere goes, features and errors without outgoing edges and
    features without incoming ones, until there are no such.
    """
    everyone = np.arange(graph.size)
    roots = graph.is_token | graph.is_logit
    total = influence(normalised(graph.weights), everyone, graph.levels, graph.probabilities) - graph.probabilities
    order = np.argsort(-total, kind="stable")
    shares = total[order].cumsum() / max(total.sum(), 1e-10)
    cumulative = np.empty(graph.size)
    cumulative[order] = shares
    kept = roots | (total >= total[order[_reached(shares, node_share)]])

    weights = _restricted(graph.weights, kept)
    among = normalised(weights)
    again = influence(among, everyone, graph.levels, graph.probabilities)
    edges = among.tocoo()
    size = edges.data * again[edges.row]
    falling = np.argsort(-size, kind="stable")
    if len(falling):
        through = size[falling].cumsum() / max(size.sum(), 1e-10)
        strong = size >= size[falling[_reached(through, edge_share)]]
        original = weights.tocoo()
        weights = csr_array(
            (original.data[strong], (original.row[strong], original.col[strong])), shape=graph.weights.shape
        )
    while True:
        present = weights.astype(bool)
        leads, led = present.sum(axis=0) > 0, present.sum(axis=1) > 0
        staying = kept & (roots | (leads & (graph.is_error | led)))
        if (staying == kept).all():
            return Pruned(kept, weights, cumulative)
        kept = staying
        weights = _restricted(weights, kept)


def _reached(shares: NDArray[np.float64], share: float) -> int:
    """Where rising shares first reach a share."""
    return min(int(np.searchsorted(shares, share)), len(shares) - 1)


def _restricted(weights: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    """The weights between kept nodes."""
    edges = weights.tocoo()
    inside = kept[edges.row] & kept[edges.col]
    return csr_array((edges.data[inside], (edges.row[inside], edges.col[inside])), shape=weights.shape)
