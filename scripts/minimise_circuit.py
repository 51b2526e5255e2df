"""Search for the smallest circuit that is faithful enough, and show that no node of it can go."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.search.problem import pose
from sparse_circuits.circuits.search.registry import minimal_circuit
from sparse_circuits.circuits.setup import set_up_circuits
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.circuits import Search
from sparse_circuits.files import write_json


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    pairs: Path
    """training pairs of the task"""
    scores: Path
    """node scores"""
    sites: list[str]
    """sites in the order of the computation"""
    search: Search
    """how candidates are ranked"""
    target: float
    """faithfulness asked for on held-out training pairs"""
    circuit: Path
    """JSON file to write"""
    saes: list[Path] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    candidates: int = 300
    """nodes to choose from, the best scored"""
    held_out: float = 0.25
    """share of the training pairs that judge circuits"""
    seed: int = 0
    """seed of batches and gates"""
    batch_tokens: int = 2048
    """tokens in one forward pass, all circuits of the batch together"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    setup = set_up_circuits(args.model, args.pairs, None, args.seed, args.saes, args.sites, device)
    scores, method, _ = load_scores(args.scores)
    problem = pose(
        setup.language,
        setup.groups,
        setup.basis,
        scores,
        args.candidates,
        args.held_out,
        args.seed,
        args.batch_tokens,
    )
    found = minimal_circuit(problem, args.search, args.target)
    nodes = [
        {"id": node.id, "score": scores.mean(node), "faithfulness_without": without}
        for node, without in found.without.items()
    ]
    sizes = {"candidates": len(problem.candidates), "bisected": found.bisected, "minimal": len(nodes)}
    write_json(
        args.circuit,
        {
            "search": args.search,
            "scores": method,
            "target": args.target,
            "held_out_faithfulness": found.faithfulness,
            "sizes": sizes,
            "nodes": nodes,
        },
    )
    print(f"{len(nodes)} of {len(problem.candidates)} nodes, faithfulness {found.faithfulness:.3f} on held-out pairs")


if __name__ == "__main__":
    program(main, Arguments)
