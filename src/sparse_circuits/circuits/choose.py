"""The circuit of a task: the nodes that score enough, the edges between them, and the tokens that they promote."""

from sparse_circuits.artefacts.circuit import CircuitThresholds, ScoredCircuit
from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.circuit_file import listed, select_nodes
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.promoted import token_notes
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.config.find_circuit import FindCircuit


def choose_circuit(bench: Bench, scores: NodeScores, settings: FindCircuit) -> ScoredCircuit:
    """Choose nodes by their scores, and weigh the edges between them on a bench. Hashes are not set.

    Raises StudyError when no node scores enough.
    """
    features = {site: part.sae for site, part in bench.basis.items() if isinstance(part, Features)}
    chosen = select_nodes(scores, settings.node_threshold, bool(features))
    effect = scores.total_effect.double().mean().item()
    weighed = feature_edges(bench, chosen, scores.scoring) if settings.edges else []
    weighed = [edge for edge in weighed if abs(edge[2]) >= settings.edge_threshold * abs(effect)]
    directions = {n.id: features[n.site].W_dec[n.index] for n in chosen if n.site in features and n.index is not None}
    nodes, edges = listed(scores, chosen, token_notes(bench.model, directions), weighed)
    return ScoredCircuit(
        study=settings.study,
        task=settings.task,
        model=bench.model.name,
        basis=settings.basis,
        metric="logit_difference",
        metric_gap=effect,
        method=scores.scoring.method,
        thresholds=CircuitThresholds(node=settings.node_threshold, edge=settings.edge_threshold),
        nodes=nodes,
        edges=edges,
    )
