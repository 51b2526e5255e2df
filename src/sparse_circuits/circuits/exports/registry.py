"""Circuits and graphs in other programs' formats. A new one is one file and one line here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.weight_circuit import read_circuit
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.circuits.exports.graphml import write_graphml
from sparse_circuits.circuits.exports.neuronpedia import write_neuronpedia
from sparse_circuits.circuits.exports.tables import write_tables

# Each takes a circuit or a graph, and a folder, and returns the files it wrote.
EXPORTS: dict[str, Callable[[Any, Path], list[Path]]] = {
    "neuronpedia": write_neuronpedia,
    "graphml": write_graphml,
    "csv": write_tables,
}


def export(file: Path, format: str, folder: Path) -> list[Path]:
    """Write a circuit.json or graph.json in a format of `EXPORTS` into a folder; return the files.

    Raises StudyError when the file is neither, or holds nothing.
    """
    told = read_json(file)
    if not isinstance(told, dict) or not {"nodes", "edges", "model"} <= told.keys():
        raise StudyError(f"{file}: neither a circuit.json nor a graph.json: it has no nodes, edges and model")
    found = PromptGraph.read(file) if "tokens" in told else read_circuit(file)
    if not found.nodes:
        raise StudyError(f"{file}: a circuit without nodes; there is nothing to export")
    if format == "neuronpedia" and all(node.site != "output" for node in found.nodes):
        raise StudyError(f"{file}: its nodes lead to no logit, which Neuronpedia needs; export graphml or csv")
    return EXPORTS[format](found, folder)
