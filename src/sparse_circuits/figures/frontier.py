"""Capability against interpretability: pretraining loss beside the edges of circuits."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.weight_frontier import WeightFrontier
from sparse_circuits.figures.style import NEUTRAL, POSITIVE, TEXT_WIDTH, use_log_counts

COLOURS = {"sparse": POSITIVE, "dense": NEUTRAL}


def plot_frontier(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of frontier.json: every model's loss over the size of its circuits.

    Sizes are geometric means over the tasks that all models solve; dotted lines join sparse models with their twins.
    """
    found = WeightFrontier.read(files[0])
    data = pd.DataFrame(model.plain() for model in found.models)
    drawn = data.dropna(subset=["geometric_mean_edges"])
    figure, axis = plt.subplots(figsize=(TEXT_WIDTH * 0.6, 3.0))
    for kind, rows in drawn.groupby("kind"):
        axis.scatter(
            rows["geometric_mean_edges"], rows["pretraining_loss"], color=COLOURS[str(kind)], label=kind, s=22, zorder=3
        )
    places = drawn.set_index("model")[["geometric_mean_edges", "pretraining_loss"]]
    for pair in found.pairs:
        if pair.sparse in places.index and pair.dense in places.index:
            ends = places.loc[[pair.sparse, pair.dense]]
            axis.plot(ends.iloc[:, 0], ends.iloc[:, 1], color=NEUTRAL, linestyle=":", linewidth=1, zorder=1)
    for name, (edges, loss) in places.iterrows():
        axis.annotate(str(name), (edges, loss), xytext=(4, 4), textcoords="offset points", fontsize=6.5)
    axis.set(
        xlabel=f"edges of a circuit, geometric mean over shared tasks ({len(found.shared_tasks)})",
        ylabel="held-out loss (nats a token)",
    )
    axis.set_xscale("log")
    axis.margins(0.15)
    use_log_counts(axis)
    axis.legend(frameon=False)
    sns.despine(figure)
    return figure, data
