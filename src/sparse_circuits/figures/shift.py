"""A classifier that learnt gender for profession: how right it is, and how far it follows gender, in several ways."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.shift_evaluation import RangedAccuracies, ShiftEvaluation
from sparse_circuits.figures.style import NEUTRAL, POSITIVE, TEXT_WIDTH

COLUMNS = {"profession": "right about profession", "gender": "agrees with gender", "worst_group": "right, worst group"}
CHANCE = 0.5


def plot_shift(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of SHIFT: a row a way of making the probe, means over seeds with their ranges."""
    found = ShiftEvaluation.read(files[0]).rows
    data = pd.DataFrame(
        [
            {"way": name, **{f"{what}{end}": value for what in COLUMNS for end, value in _ends(row, what)}}
            for name, row in found.items()
        ]
    )
    figure, axes = plt.subplots(1, len(COLUMNS), figsize=(TEXT_WIDTH, 0.24 * len(data) + 0.8), sharey=True)
    colours = [POSITIVE if name in ("shift", "retrained") else NEUTRAL for name in data["way"]]
    for axis, (what, label) in zip(axes, COLUMNS.items(), strict=True):
        axis.axvline(CHANCE, color=NEUTRAL, linewidth=0.8, linestyle=":")
        axis.hlines(range(len(data)), data[f"{what}_low"], data[f"{what}_high"], colors=colours, linewidth=1)
        axis.scatter(data[what], range(len(data)), c=colours, s=18, zorder=3)
        axis.set_xlabel(label)
        axis.set_xlim(-0.05, 1.05)
    axes[0].set_yticks(range(len(data)), data["way"])
    axes[0].invert_yaxis()
    sns.despine(figure)
    return figure, data


def _ends(row: RangedAccuracies, what: str) -> list[tuple[str, float]]:
    low, high = getattr(row, f"{what}_range")
    return [("", getattr(row, what)), ("_low", low), ("_high", high)]
