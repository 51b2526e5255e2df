"""How much of the output each node of an attribution graph has a hand in, directly and through others.

Ameisen et al. 2025 ("Circuit tracing", appendix on graph pruning). With each target's incoming weights normalised to
absolute sum 1, N, and p the probabilities of the logits, influence is B = pᵀ (N + N² + ...). Nodes have levels, and
edges lead from lower levels to higher ones, so one pass from the top down is the whole sum.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sparse_circuits.artefacts.prompt_graph import GraphScores

SMALLEST = 1e-10  # of a row's sum, to divide by

Numbers = NDArray[np.float64]


def normalised(weights: csr_array, totals: Numbers | None = None) -> csr_array:
    """Return |weights| (target, source), each row divided by its sum, or by `totals` (target,)."""
    sizes = abs(weights)
    sums = sizes.sum(axis=1) if totals is None else totals
    return csr_array(sizes.multiply(1 / np.maximum(sums, SMALLEST)[:, None]))


def influence(shares: csr_array, targets: NDArray[np.int64], levels: NDArray[np.int64], start: Numbers) -> Numbers:
    """Return the influence (node,) of every node, plus `start`: the logits' probabilities, and 0 elsewhere.

    `shares` (row, node) are what the `normalised` rows of the nodes `targets` (row,) take from each node; `levels`
    (node,) rise along every edge.
    """
    total = start.copy()
    of_rows = levels[targets]
    for level in np.unique(of_rows)[::-1]:
        rows = np.flatnonzero(of_rows == level)
        total += shares[rows].T @ total[targets[rows]]
    return total


def graph_scores(
    shares: csr_array, targets: NDArray[np.int64], total: Numbers, tokens: NDArray[np.bool_], errors: NDArray[np.bool_]
) -> GraphScores:
    """Return the replacement score of a graph and its explained inputs, from its `total` influence (node,).

    Replacement: of what reaches the output from the graph's roots, the share that is from tokens, not from errors.
    Explained inputs (circuit-tracer's completeness score): the share of nodes' inputs that is not from errors, weighted
    by the nodes' influence.
    """
    from_tokens, from_errors = total[tokens].sum(), total[errors].sum()
    explained = np.ones(len(total))
    explained[targets] -= shares[:, np.flatnonzero(errors)].sum(axis=1)
    return GraphScores(
        replacement=float(from_tokens / max(from_tokens + from_errors, SMALLEST)),
        completeness=float((explained * total).sum() / max(total.sum(), SMALLEST)),
    )
