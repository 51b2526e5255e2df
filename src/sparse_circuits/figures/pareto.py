"""What sparsity costs: autoencoders of a sweep against one another."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.config.autoencoders import SEPARATOR
from sparse_circuits.figures.style import TEXT_WIDTH, use_log_counts

MEASURES = {"fvu": "FVU (lower is better)", "ce_recovered": "CE recovered"}


def plot_pareto(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of evaluation.json files: FVU and CE recovered over L0, a row of panels a site.

    One line for each entry of the study; its points are the combinations of its settings, each the mean over seeds,
    with a band from the smallest to the largest where there are several.
    """
    rows = []
    for file in files:
        entry, *values = file.parent.name.split(SEPARATOR)
        settings = SEPARATOR.join(value for value in values if not value.startswith("seed"))
        rows.append({"sae": file.parent.name, "entry": entry, "settings": settings, **SAEEvaluation.read(file).plain()})
    data = pd.DataFrame(rows)[["site", "sae", "entry", "settings", "l0", *MEASURES]]
    colors = dict(zip(data["entry"].unique(), sns.color_palette(), strict=False))
    sites = list(dict.fromkeys(data["site"]))
    figure, axes = plt.subplots(
        len(sites), len(MEASURES), figsize=(TEXT_WIDTH * 0.8, 0.4 + 1.8 * len(sites)), squeeze=False, sharex="row"
    )
    for row, site in zip(axes, sites, strict=True):
        for axis, (measure, label) in zip(row, MEASURES.items(), strict=True):
            for entry, members in data[data["site"] == site].groupby("entry", sort=False):
                points = members.groupby("settings").agg(
                    l0=("l0", "mean"), mean=(measure, "mean"), low=(measure, "min"), high=(measure, "max")
                )
                points = points.sort_values("l0")
                color = colors[entry]
                axis.plot(points["l0"], points["mean"], marker="o", markersize=3, linewidth=1, color=color, label=entry)
                axis.fill_between(points["l0"], points["low"], points["high"], color=color, alpha=0.25)
            axis.set(xlabel="L0", ylabel=label, title=site)
            axis.ticklabel_format(axis="y", useOffset=False)
            use_log_counts(axis)
        row[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure, data
