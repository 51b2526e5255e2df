"""Score every node by how much of the metric's change goes through it."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.attribution.registry import ONE_PASS
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.scores import save_scores
from sparse_circuits.compute import Compute
from sparse_circuits.config.score_nodes import ScoreNodes


@dataclass(frozen=True)
class Files:
    """What is read and written."""

    model: Path
    """folder of the model"""
    pairs: Path
    """training pairs of the task"""
    scores: Path
    """HDF5 file to write"""
    saes: list[Path] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""


def step(files: Files, settings: ScoreNodes, compute: Compute) -> None:
    """Score every node by how much of the metric's change goes through it."""
    drawn = settings.score_pairs, settings.seed, settings.batch_tokens
    bench = Bench.load(files.model, files.pairs, files.saes, settings.sites, compute.start(), *drawn)
    scores = score_nodes(bench, settings.method, settings.points, settings.by_position)
    save_scores(files.scores, scores, settings.method, 1 if settings.method in ONE_PASS else settings.points)
