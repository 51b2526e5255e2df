"""The size of circuits, task by task, in models with almost all weights zero and in their dense twins."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.weight_frontier import WeightFrontier
from sparse_circuits.figures.style import NEUTRAL, POSITIVE, TEXT_WIDTH, use_log_counts

ROW_HEIGHT = 0.24  # inches


def plot_twins(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of frontier.json: for every task that both solve, the edges in twin and dense model.

    Tasks stand by their ratio, which is written at the right.
    """
    data = pd.DataFrame(
        [
            {"sparse": pair.sparse, "dense": pair.dense, "task": task, **edges.plain()}
            for pair in WeightFrontier.read(files[0]).pairs
            for task, edges in pair.tasks.items()
        ],
        columns=["sparse", "dense", "task", "sparse_edges", "dense_edges"],
    )
    data["ratio"] = data["dense_edges"].clip(lower=1) / data["sparse_edges"].clip(lower=1)
    data = data.sort_values("ratio", ascending=False, ignore_index=True)
    figure, axis = plt.subplots(figsize=(TEXT_WIDTH * 0.75, ROW_HEIGHT * max(len(data), 3) + 0.8))
    axis.hlines(data.index, data["sparse_edges"], data["dense_edges"], color=NEUTRAL, linewidth=1, zorder=1)
    axis.scatter(data["dense_edges"], data.index, color=NEUTRAL, s=22, label="dense", zorder=2)
    axis.scatter(data["sparse_edges"], data.index, color=POSITIVE, s=22, label="weight-sparse", zorder=2)
    for row, ratio in data["ratio"].items():
        axis.annotate(
            f"{ratio:.1f}x", (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=7, color="0.3"
        )
    axis.set(xlabel="edges of the smallest circuit", yticks=data.index, yticklabels=data["task"])
    use_log_counts(axis)
    axis.invert_yaxis()
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.0 + 0.5 / max(len(data), 3)), ncols=2)
    sns.despine(figure)
    return figure, data
