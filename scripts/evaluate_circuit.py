"""Judge circuits on held-out pairs: faithfulness and completeness over sizes, beside random circuits."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.circuit_file import read_circuit_nodes, site_gaps
from sparse_circuits.circuits.evaluate import evaluate_circuits
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.setup import set_up_circuits
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import read_json, write_csv, write_json


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    pairs: Path
    """test pairs of the task"""
    scores: Path
    """node scores from the training pairs"""
    circuit: Path
    """circuit.json from the training pairs"""
    sites: list[str]
    """sites in the order of the computation"""
    sizes: list[int]
    """nodes a circuit"""
    evaluation: Path
    """JSON file to write"""
    curves: Path
    """CSV file to write"""
    saes: list[Path] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    proof: Path | None = None
    """proof.json of that circuit, to be taken in"""
    random_circuits: int = 3
    """matched random circuits at each size"""
    draw: int | None = None
    """pairs to draw; all when not given"""
    batch_tokens: int = 2048
    """tokens in one forward pass, over all circuits in it"""
    seed: int = 0
    """pairs drawn, random circuits and bootstrap"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    setup = set_up_circuits(
        args.model, args.pairs, args.draw, args.seed, args.saes, args.sites, choose_device(args.compute.device)
    )
    scores, method, steps = load_scores(args.scores)
    curves = evaluate_circuits(
        setup.language,
        setup.groups,
        setup.basis,
        scores,
        args.sizes,
        read_circuit_nodes(args.circuit),
        args.random_circuits,
        args.seed,
        args.batch_tokens,
    )
    gaps = site_gaps(scores)
    worst = max(gaps.values(), key=lambda gap: gap["relative_gap"])
    facts = {key: read_json(args.circuit)[key] for key in ("study", "task", "model", "basis", "metric")}
    attribution = {"method": method, "steps": steps, **worst, "sites": gaps}
    proof = read_json(args.proof) if args.proof else {}
    found = {**facts, "ablation": "mean", "split": "test", **curves, "attribution": attribution, **proof}
    write_json(args.evaluation, found)
    write_csv(args.curves, _rows(curves))


def _rows(curves: dict) -> list[dict[str, float]]:
    bare = curves.get("without_errors", {})
    return [
        {
            "nodes": size,
            "faithfulness": curves["faithfulness"][i],
            "low": curves["faithfulness_ci95"][i][0],
            "high": curves["faithfulness_ci95"][i][1],
            "completeness": curves["completeness"][i],
            "completeness_low": curves["completeness_ci95"][i][0],
            "completeness_high": curves["completeness_ci95"][i][1],
            "random": curves["random"][i],
            **{f"{name}_without_errors": values[i] for name, values in bare.items()},
        }
        for i, size in enumerate(curves["nodes"])
    ]


if __name__ == "__main__":
    program(main, Arguments)
