"""Interventions on a sparse circuit's channels, carried over bridges to a dense model."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.weight_carrying import WeightCarrying
from sparse_circuits.figures.style import NEGATIVE, NEUTRAL, POSITIVE, TEXT_WIDTH

COLOURS = {"all": NEUTRAL, "circuit": POSITIVE, "random": NEGATIVE}


def plot_carried(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of carried.json: for each task, how far the dense model moves at full strength.

    Of the places where the circuit reads the residual stream that at which its channels move the most. The data has
    every place and strength.
    """
    found = WeightCarrying.read(files[0])
    data = pd.DataFrame(
        [
            {"task": task, "place": row.place, "channels": len(row.channels), "of": of, "strength": s, "moved": m}
            for task, rows in found.tasks.items()
            for row in rows
            for of, values in row.moved
            for s, m in zip(row.strength, values, strict=True)
        ],
        columns=["task", "place", "channels", "of", "strength", "moved"],
    )
    full = data[data["strength"] == data["strength"].max()]
    own = full[full["of"] == "circuit"]
    best = own.loc[own.groupby("task")["moved"].idxmax()].sort_values("moved")
    figure, axis = plt.subplots(figsize=(TEXT_WIDTH * 0.8, 0.28 * max(len(best), 3) + 0.9))
    labels = []
    for level, (_, row) in enumerate(best.iterrows()):
        here = full[(full["task"] == row["task"]) & (full["place"] == row["place"])].set_index("of")["moved"]
        for of, colour in COLOURS.items():
            axis.scatter(here[of], level, color=colour, label=of if level == 0 else None, s=20, zorder=3)
        labels.append(f"{row['task']}, {row['channels']} at {row['place']}")
    axis.axvline(0, color=NEUTRAL, linewidth=0.8)
    axis.axvline(1, color=NEUTRAL, linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(labels)), labels)
    axis.set(
        xlabel="share of the way to the other prompt", title=f"channels of {found.sparse} moved, {found.dense} follows"
    )
    axis.legend(frameon=False, title="channels", loc="center left", bbox_to_anchor=(1.0, 0.5))
    sns.despine(figure)
    return figure, data
