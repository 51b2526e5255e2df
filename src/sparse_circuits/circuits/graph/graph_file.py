"""What of an attribution graph is kept as a file."""

from collections.abc import Mapping, Sequence

import numpy as np

from sparse_circuits.artefacts.circuit import CircuitEdge, PromotedTokens
from sparse_circuits.artefacts.prompt_graph import GraphNode, GraphSizes, ShownGraph
from sparse_circuits.circuits.graph.influence import graph_scores, influence, normalised
from sparse_circuits.circuits.graph.pruning import Pruned
from sparse_circuits.circuits.graph.trace import AttributionGraph


def shown_graph(
    graph: AttributionGraph,
    pruned: Pruned,
    tokens: Sequence[str],
    outputs: Sequence[str],
    notes: Mapping[str, PromotedTokens],
) -> ShownGraph:
    """Return scores and sizes of the whole graph, the kept nodes with notes by id, and the kept edges.

    `tokens` are the texts of the prompt's tokens, `outputs` those of the logits.
    """
    everyone = np.arange(graph.size)
    shares = normalised(graph.weights)
    total = influence(shares, everyone, graph.levels, graph.probabilities)
    ids = node_ids(graph)
    nodes: list[GraphNode] = []
    logits = iter(outputs)
    for number in np.flatnonzero(pruned.kept).tolist():
        position, index = int(graph.positions[number]), int(graph.indices[number])
        facts: dict[str, object]
        if graph.is_token[number]:
            facts = {"kind": "token", "site": "embed", "token_id": index, "token": tokens[position]}
        elif graph.is_logit[number]:
            facts = {"kind": "logit", "site": "output", "token_id": index, "token": next(logits)}
            facts["probability"] = float(graph.probabilities[number])
        else:
            facts = {"kind": "error" if index < 0 else "feature", "site": str(graph.site_names[graph.sites[number]])}
            facts |= {} if index < 0 else {"index": index, "activation": float(graph.values[number])}
        facts |= {"id": ids[number], "position": position}
        facts |= {"influence": float(total[number]), "cumulative": float(pruned.cumulative[number])}
        facts |= notes.get(ids[number], PromotedTokens()).plain()
        nodes.append(GraphNode.model_validate(facts))
    edges = pruned.weights.tocoo()
    return ShownGraph(
        scores=graph_scores(shares, everyone, total, graph.is_token, graph.is_error),
        whole=GraphSizes(nodes=graph.size, edges=int(graph.weights.nnz)),
        tokens=list(tokens),
        nodes=nodes,
        edges=[
            CircuitEdge(source=ids[source], target=ids[target], weight=float(weight))
            for target, source, weight in zip(edges.row.tolist(), edges.col.tolist(), edges.data.tolist(), strict=True)
        ],
    )


def node_ids(graph: AttributionGraph) -> list[str]:
    """Return the name of every node: that of features and errors, `token@position`, or `logit/token id`."""
    return [
        f"token@{graph.positions[n]}"
        if graph.is_token[n]
        else f"logit/{graph.indices[n]}"
        if graph.is_logit[n]
        else graph.node(n).id
        for n in range(graph.size)
    ]
