"""A circuit as a file: its nodes, its edges, and what it was made from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.edges import Edge
from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.circuits.scores import NodeScores


def select_nodes(scores: NodeScores, threshold: float, has_errors: bool) -> list[Node]:
    """Return the nodes that surely score at least `threshold` times the |mean total effect|, in the order of sites.

    What must be as large is the `lower_bound` of the |mean score|: what the pairs agree on.

    Raises StudyError when there are none.
    """
    floor = threshold * abs(scores.total_effect.double().mean().item())
    nodes: list[Node] = []
    for site, part in scores.sites.items():
        for place in range(scores.positions):
            position = place if scores.positions > 1 else None
            above = lower_bound(*mean_and_error(part.nodes[:, place])) >= floor
            nodes += [Node(site, index, position) for index in above.nonzero().flatten().tolist()]
            if has_errors and lower_bound(*mean_and_error(part.error[:, [place]])) >= floor:
                nodes.append(Node(site, None, position))
    if not any(node.index is not None for node in nodes):
        raise StudyError(
            f"no node surely scores {threshold:g} of the total effect ({floor:.4g}); the circuit is empty; "
            "lower node_threshold or score more pairs"
        )
    return nodes


def site_sums(scores: NodeScores) -> dict[str, dict[str, float]]:
    """Return, for each site, the sum of its nodes' scores beside the total effect, and how far they differ."""
    target = scores.total_effect.double().mean().item()
    result = {}
    for site, part in scores.sites.items():
        total = (part.nodes.double().sum(dim=(1, 2)) + part.error.double().sum(dim=1)).mean().item()
        result[str(site)] = {"sum": total, "target": target, "relative_gap": abs(total - target) / abs(target)}
    return result


def listed(
    nodes: Mapping[Node, float],
    total_effect: float,
    notes: Mapping[str, Mapping[str, Any]],
    edges: Sequence[Edge],
    output: str = "logit_difference",
) -> dict[str, list[dict[str, Any]]]:
    """Return `nodes` and `edges` as circuit.json has them: nodes with their scores and notes, and an `output` node.

    The nodes of the last site are joined to the output by edges that weigh their scores; its score is `total_effect`.
    """
    known = {node.id for node in nodes}
    last = max((node.site for node in nodes), key=lambda site: site.order)
    kept = [edge for edge in edges if edge[0] in known and edge[1] in known]
    kept += [(node.id, output, score) for node, score in nodes.items() if node.site == last]
    rows: list[dict[str, Any]] = [
        {"id": n.id, "site": str(n.site), "position": n.position, "score": score, **notes.get(n.id, {})}
        for n, score in nodes.items()
    ]
    rows.append({"id": output, "site": "output", "position": None, "score": total_effect})
    return {"nodes": rows, "edges": [dict(zip(("source", "target", "weight"), e, strict=True)) for e in kept]}


def read_circuit_nodes(path: Path) -> list[Node]:
    """Read the nodes of a circuit.json, without error nodes and output."""
    nodes = [Node.parse(node["id"]) for node in read_json(path)["nodes"] if "/" in node["id"]]
    return [node for node in nodes if node.index is not None]
