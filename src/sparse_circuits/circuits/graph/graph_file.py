"""An attribution graph as a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparse_circuits.base.files import write_json
from sparse_circuits.circuits.graph.influence import graph_scores, influence, normalised
from sparse_circuits.circuits.graph.pruning import Pruned
from sparse_circuits.circuits.graph.trace import AttributionGraph


def write_graph(
    path: Path,
    graph: AttributionGraph,
    pruned: Pruned,
    facts: Mapping[str, Any],
    tokens: Sequence[str],
    outputs: Sequence[str],
    notes: Mapping[str, Mapping[str, Any]],
) -> None:
    """Publish graph.json: facts, scores of the whole graph, the kept nodes with notes by id, and the kept edges.

    `tokens` are the texts of the prompt's tokens, `outputs` those of the logits.
    """
    everyone = np.arange(graph.size)
    shares = normalised(graph.weights)
    total = influence(shares, everyone, graph.levels, graph.probabilities)
    scores = graph_scores(shares, everyone, total, graph.is_token, graph.is_error)
    ids = node_ids(graph)
    nodes: list[dict[str, Any]] = []
    logits = iter(outputs)
    for number in np.flatnonzero(pruned.kept).tolist():
        position, index = int(graph.positions[number]), int(graph.indices[number])
        node: dict[str, Any] = {"id": ids[number], "position": position}
        if graph.is_token[number]:
            node |= {"kind": "token", "site": "embed", "token_id": index, "token": tokens[position]}
        elif graph.is_logit[number]:
            node |= {"kind": "logit", "site": "output", "token_id": index, "token": next(logits)}
            node["probability"] = float(graph.probabilities[number])
        else:
            node |= {"kind": "error" if index < 0 else "feature", "site": str(graph.site_names[graph.sites[number]])}
            node |= {} if index < 0 else {"index": index, "activation": float(graph.values[number])}
        node |= {"influence": float(total[number]), "cumulative": float(pruned.cumulative[number])}
        nodes.append(node | dict(notes.get(ids[number], {})))
    edges = pruned.weights.tocoo()
    listed = [
        {"source": ids[source], "target": ids[target], "weight": float(weight)}
        for target, source, weight in zip(edges.row.tolist(), edges.col.tolist(), edges.data.tolist(), strict=True)
    ]
    counts = {"nodes": graph.size, "edges": int(graph.weights.nnz)}
    write_json(path, {**facts, "scores": scores, "whole": counts, "tokens": tokens, "nodes": nodes, "edges": listed})


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
