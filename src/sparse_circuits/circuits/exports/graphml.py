"""GraphML, which Gephi, Cytoscape and networkx open."""

import re
from pathlib import Path
from typing import Any

import networkx

from sparse_circuits.circuits.exports.tables import flat
from sparse_circuits.files import publishing

# What XML 1.0 has no way to write, and the carriage return, which readers make a line feed.
UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write graph.graphml: a directed graph with what is known of nodes as attributes, and the edges' weights.

    Control characters and halves of characters stand as Unicode's pictures of them, ␛, or as �.
    """
    graph = networkx.DiGraph(model=_legal(found["model"]), name=_legal(_name(found)))
    for node in flat(found["nodes"]):
        told = {key: _legal(value) if isinstance(value, str) else value for key, value in node.items()}
        graph.add_node(_legal(node["id"]), **told | {"position": str(node["position"])})
    for edge in found["edges"]:
        graph.add_edge(_legal(edge["source"]), _legal(edge["target"]), weight=edge["weight"])
    path = folder / "graph.graphml"
    with publishing(path) as temporary:
        networkx.write_graphml(graph, temporary)
    return [path]


def _name(found: dict[str, Any]) -> str:
    return str(found.get("name") or f"{found['task']}-{found['basis']}")


def _legal(text: str) -> str:
    return UNWRITABLE.sub(lambda letter: chr(0x2400 + ord(letter[0])) if letter[0] < " " else "�", text)
