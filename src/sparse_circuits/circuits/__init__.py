"""Circuits: node scores, edges, ablation, and the curves that judge them."""

from sparse_circuits.circuits.basis import Basis, Coordinates, Features, Node
from sparse_circuits.circuits.circuit_file import select_nodes, site_gaps, write_circuit
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.evaluate import evaluate_circuits
from sparse_circuits.circuits.scores import NodeScores, load_scores, save_scores, score_nodes

__all__ = [
    "Basis",
    "Coordinates",
    "Features",
    "Node",
    "NodeScores",
    "evaluate_circuits",
    "feature_edges",
    "load_scores",
    "save_scores",
    "score_nodes",
    "select_nodes",
    "site_gaps",
    "write_circuit",
]
