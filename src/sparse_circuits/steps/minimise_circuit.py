"""Search for the smallest circuit that is faithful enough, and show that no node of it can go."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import write_json
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.search.problem import pose
from sparse_circuits.circuits.search.registry import minimal_circuit
from sparse_circuits.config.minimise_circuit import MinimiseCircuit


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    """What is read and written."""

    scores: Path
    """node scores"""
    circuit: Path
    """JSON file to write"""


def step(files: Files, settings: MinimiseCircuit, compute: Compute) -> None:
    """Search for the smallest circuit that is faithful enough, and show that no node of it can go."""
    bench = files.bench(settings.sites, compute.start(), batch_tokens=settings.batch_tokens)
    scores, method, _ = load_scores(files.scores)
    problem = pose(bench, scores, settings.candidates, settings.held_out, settings.seed)
    found = minimal_circuit(problem, settings.search, settings.target)
    nodes = [
        {"id": node.id, "score": scores.mean(node), "faithfulness_without": without}
        for node, without in found.without.items()
    ]
    sizes = {"candidates": len(problem.candidates), "bisected": found.bisected, "minimal": len(nodes)}
    write_json(
        files.circuit,
        {
            "search": settings.search,
            "scores": method,
            "target": settings.target,
            "held_out_faithfulness": found.faithfulness,
            "sizes": sizes,
            "nodes": nodes,
        },
    )
    print(f"{len(nodes)} of {len(problem.candidates)} nodes, faithfulness {found.faithfulness:.3f} on held-out pairs")
