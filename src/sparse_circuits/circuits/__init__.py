"""Circuits: node scores, edges, ablation, and the curves that judge them."""

from sparse_circuits.circuits.basis import Basis, Features, Neurons
from sparse_circuits.circuits.circuit_file import CircuitNode, select_nodes, site_gaps, write_circuit
from sparse_circuits.circuits.curves import faithfulness_curves
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.scores import NodeScores, load_scores, save_scores, score_nodes

__all__ = [
    "Basis",
    "CircuitNode",
    "Features",
    "Neurons",
    "NodeScores",
    "faithfulness_curves",
    "feature_edges",
    "load_scores",
    "save_scores",
    "score_nodes",
    "select_nodes",
    "site_gaps",
    "write_circuit",
]
