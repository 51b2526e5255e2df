"""How many of the best nodes rankings share: those of several methods on one task, or of several tasks."""

from itertools import combinations_with_replacement
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.figures.style import TEXT_WIDTH

BEST = 100  # nodes


def plot_overlap(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of scores.h5 files of one basis: the Jaccard index of their BEST nodes, by pairs.

    A file is named by its task, or, where all are of one task, by its method.
    """
    # Imported here: it brings torch along, which takes a second that other figures need not wait for.
    from sparse_circuits.circuits.scores import load_scores

    tasks = [file.parents[1].name if file.stem == "scores" else file.parents[2].name for file in files]
    best: dict[str, set[str]] = {}
    for file, task in zip(files, tasks, strict=True):
        scores = load_scores(file)
        name = task if len(set(tasks)) > 1 else scores.scoring.method.replace("_", " ")
        best[name] = {node.id for node in scores.ranked()[:BEST]}
    rows = [
        {"one": one, "other": other, "nodes": len(best[one]), "jaccard": _jaccard(best[one], best[other])}
        for one, other in combinations_with_replacement(best, 2)
    ]
    data = pd.DataFrame(rows)
    square = pd.concat([data, data.rename(columns={"one": "other", "other": "one"})]).drop_duplicates(["one", "other"])
    table = square.pivot(index="one", columns="other", values="jaccard").loc[list(best), list(best)]
    side = min(TEXT_WIDTH, 1.6 + 0.5 * len(best))
    names = 0.055 * max(map(len, best))  # inches of the names beside the square; those below it are slanted
    figure, axis = plt.subplots(figsize=(side + 0.2 + names, side - 0.4 + 0.7 * names))
    sns.heatmap(
        table,
        vmin=0,
        vmax=1,
        annot=True,
        fmt=".2f",
        annot_kws={"fontsize": 6},
        cmap="crest",
        square=True,
        ax=axis,
        cbar_kws={"label": f"Jaccard index of the {BEST} best nodes", "shrink": 0.7},
    )
    axis.set(xlabel="", ylabel="")
    axis.tick_params(axis="x", rotation=40)
    plt.setp(axis.get_xticklabels(), ha="right", rotation_mode="anchor")
    axis.tick_params(axis="y", rotation=0)
    return figure, data


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0
