"""The circuit of a task: the nodes that score enough, the edges between them, and the tokens that they promote."""

from dataclasses import dataclass
from typing import Any

from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.circuit_file import listed, select_nodes
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.promoted import token_notes
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.config.find_circuit import FindCircuit


@dataclass(frozen=True)
class ChosenCircuit:
    """What circuit.json says of a circuit: how it was chosen, its nodes, its edges."""

    facts: dict[str, Any]
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


def choose_circuit(bench: Bench, scores: NodeScores, settings: FindCircuit) -> ChosenCircuit:
    """Choose nodes by their scores, and weigh the edges between them on a bench.

    Raises StudyError when no node scores enough.
    """
    features = {site: part.sae for site, part in bench.basis.items() if isinstance(part, Features)}
    nodes = select_nodes(scores, settings.node_threshold, bool(features))
    effect = scores.total_effect.double().mean().item()
    edges = feature_edges(bench, nodes, scores.scoring) if settings.edges else []
    edges = [edge for edge in edges if abs(edge[2]) >= settings.edge_threshold * abs(effect)]
    directions = {n.id: features[n.site].W_dec[n.index] for n in nodes if n.site in features and n.index is not None}
    facts = {
        "study": settings.study,
        "task": settings.task,
        "model": bench.model.name,
        "basis": settings.basis,
        "metric": "logit_difference",
        "metric_gap": effect,
        "method": scores.scoring.method,
        "thresholds": {"node": settings.node_threshold, "edge": settings.edge_threshold},
    }
    found = listed({node: scores.mean(node) for node in nodes}, effect, token_notes(bench.model, directions), edges)
    return ChosenCircuit(facts, **found)
