from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.scores import save_scores
from sparse_circuits.config.score_nodes import ScoreNodes


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    scores: Path  # HDF5 file to write


def step(files: Files, settings: ScoreNodes, compute: Compute) -> None:
    """Score every node by how much of the metric's change goes through it."""
    drawn = settings.score_pairs, settings.seed, settings.batch_tokens
    bench = files.bench(settings.sites, compute.start(), *drawn)
    save_scores(files.scores, score_nodes(bench, settings))
