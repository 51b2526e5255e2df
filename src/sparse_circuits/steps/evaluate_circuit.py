from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import read_json, write_csv, write_json
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.circuit_file import read_circuit_nodes, site_sums
from sparse_circuits.circuits.evaluate import evaluate_circuits
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    scores: Path
    """node scores from the training pairs"""
    circuit: Path
    """circuit.json from the training pairs"""
    evaluation: Path
    """JSON file to write"""
    curves: Path
    """CSV file to write"""
    proof: Path | None = None
    """proof.json of that circuit, to be taken in"""


def step(files: Files, settings: EvaluateCircuit, compute: Compute) -> None:
    """Judge circuits on held-out pairs: faithfulness and completeness over sizes, beside random circuits."""
    drawn = settings.judge_pairs, settings.seed, settings.batch_tokens
    bench = files.bench(settings.sites, compute.start(), *drawn)
    scores = load_scores(files.scores)
    circuit = read_circuit_nodes(files.circuit)
    curves = evaluate_circuits(bench, scores, circuit, settings)
    sums = site_sums(scores)
    worst = max(sums.values(), key=lambda one: one["relative_gap"])
    facts = {key: read_json(files.circuit)[key] for key in ("study", "task", "model", "basis", "metric")}
    attribution = {"method": scores.scoring.method, "steps": scores.scoring.points, **worst, "sites": sums}
    proof = read_json(files.proof) if files.proof else {}
    found = {**facts, "ablation": "mean", "split": "test", **curves, "attribution": attribution, **proof}
    write_json(files.evaluation, found)
    write_csv(files.curves, _rows(curves))


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
