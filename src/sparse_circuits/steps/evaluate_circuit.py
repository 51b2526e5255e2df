from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.circuit import CircuitFacts, ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import AttributionSums, CircuitEvaluation
from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.base.compute import Compute
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.circuit_file import circuit_nodes, site_sums
from sparse_circuits.circuits.evaluate import evaluate_circuits
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    scores: Path  # node scores from the training pairs
    circuit: Path  # circuit.json from the training pairs
    evaluation: Path  # JSON file to write
    curves: Path  # CSV file to write
    proof: Path | None = None  # proof.json of that circuit, to be taken in


def step(files: Files, settings: EvaluateCircuit, compute: Compute) -> None:
    """Judge circuits on held-out pairs: faithfulness and completeness over sizes, beside random circuits."""
    drawn = settings.judge_pairs, settings.seed, settings.batch_tokens
    bench = files.bench(settings.sites, compute.start(), *drawn)
    scores = load_scores(files.scores)
    circuit, proof = ScoredCircuit.read(files.circuit), CircuitProof.read(files.proof) if files.proof else None
    sums = site_sums(scores)
    worst = max(sums.values(), key=lambda one: one.relative_gap)
    found = CircuitEvaluation(
        **circuit.model_dump(include=set(CircuitFacts.model_fields)),
        ablation="mean",
        split="test",
        **evaluate_circuits(bench, scores, circuit_nodes(circuit), settings).plain(),
        attribution=AttributionSums(
            method=scores.scoring.method, steps=scores.scoring.points, **worst.plain(), sites=sums
        ),
        **(proof.plain() if proof else {}),
    )
    found.write(files.evaluation)
    found.write_table(files.curves)
