"""GraphML, which Gephi, Cytoscape and networkx open."""

from pathlib import Path

import networkx

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.base.files import publishing
from sparse_circuits.circuits.exports.tables import flat, writable


def write_graphml(found: ScoredCircuit | WeightCircuit | PromptGraph, folder: Path) -> list[Path]:
    """Write graph.graphml: a directed graph with what is known of nodes as attributes, and the edges' weights."""
    graph = networkx.DiGraph(model=writable(found.model), name=writable(found.name))
    for node in flat(found.nodes):
        graph.add_node(node["id"], **node | {"position": str(node["position"])})
    for edge in found.edges:
        graph.add_edge(edge.source, edge.target, weight=edge.weight)
    path = folder / "graph.graphml"
    with publishing(path) as temporary:
        networkx.write_graphml(graph, temporary)
    return [path]
