"""The smallest circuit that is faithful enough, as its file has it."""

from typing import Any

from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.circuits.search.problem import pose
from sparse_circuits.circuits.search.registry import minimal_circuit
from sparse_circuits.config.minimise_circuit import MinimiseCircuit


def minimise_circuit(bench: Bench, scores: NodeScores, settings: MinimiseCircuit) -> dict[str, Any]:
    """Return the smallest circuit of a bench's training pairs, with what each node is needed for.

    Raises StudyError when no circuit of the candidates is as faithful as the target.
    """
    problem = pose(bench, scores, settings)
    found = minimal_circuit(problem, settings)
    nodes = [
        {"id": node.id, "score": scores.mean(node), "faithfulness_without": without}
        for node, without in found.without.items()
    ]
    return {
        "search": settings.search,
        "scores": scores.scoring.method,
        "target": settings.target,
        "held_out_faithfulness": found.faithfulness,
        "sizes": {"candidates": len(problem.candidates), "bisected": found.bisected, "minimal": len(nodes)},
        "nodes": nodes,
    }
