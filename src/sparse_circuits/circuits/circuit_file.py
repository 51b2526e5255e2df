"""A circuit as a file: its nodes, its edges, and what it was made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_circuits.circuits.edges import Edge
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.config import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, write_json


@dataclass(frozen=True)
class CircuitNode:
    """A node; `index` None is the error node of its site. `score` is in units of the metric."""

    site: Site
    index: int | None
    score: float

    @property
    def id(self) -> str:
        """The node's name, such as `resid_post.14/1944` or `resid_post.14/error`."""
        return f"{self.site}/{'error' if self.index is None else self.index}"


def select_nodes(scores: NodeScores, threshold: float, has_errors: bool) -> list[CircuitNode]:
    """Return the nodes whose |mean score| is at least `threshold` times the |mean metric gap|, in the order of sites.

    Raises StudyError when there are none.
    """
    floor = threshold * abs(scores.gap.double().mean().item())
    nodes: list[CircuitNode] = []
    for site, part in scores.sites.items():
        mean = part.features.double().mean(dim=0)
        for index in (mean.abs() >= floor).nonzero().flatten().tolist():
            nodes.append(CircuitNode(site, index, mean[index].item()))
        error = part.error.double().mean().item()
        if has_errors and abs(error) >= floor:
            nodes.append(CircuitNode(site, None, error))
    if not any(node.index is not None for node in nodes):
        raise StudyError(
            f"no node scores {threshold:g} of the metric gap ({floor:.4g}); the circuit is empty; lower node_threshold"
        )
    return nodes


def site_gaps(scores: NodeScores) -> dict[str, dict[str, float]]:
    """Return, for each site, the sum of its nodes' scores beside metric(patch) - metric(clean), and their gap."""
    target = scores.gap.double().mean().item()
    result = {}
    for site, part in scores.sites.items():
        total = (part.features.double().sum(dim=1) + part.error.double()).mean().item()
        result[str(site)] = {"sum": total, "target": target, "relative_gap": abs(total - target) / abs(target)}
    return result


def write_circuit(
    path: Path,
    facts: Mapping[str, Any],
    nodes: Sequence[CircuitNode],
    notes: Mapping[str, Mapping[str, Any]],
    edges: Sequence[Edge],
    output: str,
) -> None:
    """Publish circuit.json: the nodes with their notes by id, an output node named `output`, and the edges.

    The nodes of the last site are joined to the output by edges that weigh their scores.
    """
    known = {node.id for node in nodes}
    last = max((node.site for node in nodes), key=lambda site: site.order)
    kept = [edge for edge in edges if edge[0] in known and edge[1] in known]
    kept += [(node.id, output, node.score) for node in nodes if node.site == last]
    listed: list[dict[str, Any]] = [
        {"id": node.id, "site": str(node.site), "position": None, "score": node.score, **notes.get(node.id, {})}
        for node in nodes
    ]
    listed.append({"id": output, "site": "output", "position": None, "score": facts["metric_gap"]})
    write_json(
        path,
        {**facts, "nodes": listed, "edges": [dict(zip(("source", "target", "weight"), e, strict=True)) for e in kept]},
    )


def read_circuit_nodes(path: Path) -> list[tuple[Site, int]]:
    """Read the features (or neurons) of a circuit.json, without error nodes and output."""
    ids = [node["id"] for node in read_json(path)["nodes"] if "/" in node["id"]]
    parts = [node.rsplit("/", 1) for node in ids if not node.endswith("/error")]
    return [(Site.parse(site), int(index)) for site, index in parts]
