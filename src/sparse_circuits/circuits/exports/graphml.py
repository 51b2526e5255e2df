"""GraphML, which Gephi, Cytoscape and networkx open."""

from pathlib import Path
from typing import Any

import networkx

from sparse_circuits.base.files import publishing
from sparse_circuits.circuits.exports.tables import flat, writable


def write_graphml(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write graph.graphml: a directed graph with what is known of nodes as attributes, and the edges' weights."""
    graph = networkx.DiGraph(model=writable(found["model"]), name=writable(_name(found)))
    for node in flat(found["nodes"]):
        graph.add_node(node["id"], **node | {"position": str(node["position"])})
    for edge in found["edges"]:
        graph.add_edge(edge["source"], edge["target"], weight=edge["weight"])
    path = folder / "graph.graphml"
    with publishing(path) as temporary:
        networkx.write_graphml(graph, temporary)
    return [path]


def _name(found: dict[str, Any]) -> str:
    return str(found.get("name") or f"{found['task']}-{found['basis']}")
