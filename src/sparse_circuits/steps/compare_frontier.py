from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.artefacts.weight_pruning import WeightPruning
from sparse_circuits.config.compare_frontier import CompareFrontier
from sparse_circuits.weight_sparse.frontier import frontier


@dataclass(frozen=True)
class Files:
    losses: list[Path]  # losses.json of each model, in the model's folder
    circuits: list[Path]  # pruning.json of every model and task, each in a folder that the study names after the model
    frontier: Path  # JSON file to write


def step(files: Files, settings: CompareFrontier) -> None:
    """Set pretraining loss beside the size of circuits, for sparse models and their dense twins."""
    trained = {path.parent.name: ModelLosses.read(path) for path in files.losses}
    measured: dict[str, ModelLosses] = {}
    edges, bisected = (defaultdict[str, dict[str, int]](dict) for _ in range(2))
    for path in files.circuits:
        name, row = path.parent.name, WeightPruning.read(path)
        measured[name] = trained[row.model]
        if row.edges is not None and row.bisected is not None:
            edges[name][row.task], bisected[name][row.task] = row.edges, row.bisected.edges
    losses = {name: found.held_out for name, found in measured.items()}
    accuracies = {name: found.accuracy for name, found in measured.items() if found.accuracy is not None}
    found = frontier(losses, edges, bisected, settings.sparse, settings.dense, accuracies or None)
    found.write(files.frontier)
    for pair in found.pairs:
        ratio = pair.geometric_mean_ratio
        print(
            f"{pair.sparse} beside {pair.dense}: {len(pair.tasks)} tasks, edges "
            + (
                f"{ratio:.1f} times fewer, {pair.geometric_mean_ratio_bisected:.1f} before the clean-up"
                if ratio
                else "nothing to compare"
            )
        )
