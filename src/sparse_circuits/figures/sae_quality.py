"""How good the autoencoders are, site by site."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.figures.style import TEXT_WIDTH

MEASURES = {  # the axis' label, and the format of the bars' labels
    "l0": ("L0", "%.3g"),
    "fvu": ("FVU (lower is better)", "%.3f"),
    "ce_recovered": ("CE recovered", "%.3f"),
}


def plot_sae_quality(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of evaluation.json files: L0, FVU and CE recovered by site."""
    rows = [{"sae": file.parent.name, **SAEEvaluation.read(file).plain()} for file in files]
    data = pd.DataFrame(rows)[["site", "sae", *MEASURES, "dead_fraction", "tokens"]]
    several = data["sae"].nunique() > 1
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(TEXT_WIDTH, 2.0))
    for axis, (measure, (label, form)) in zip(axes, MEASURES.items(), strict=True):
        sns.barplot(data=data, x="site", y=measure, hue="sae", ax=axis, legend=axis is axes[-1] and several)
        axis.set(xlabel="", ylabel=label)
        axis.tick_params(axis="x", rotation=40)
        for bars in axis.containers:
            axis.bar_label(bars, fmt=form, fontsize=6, padding=1)
        axis.margins(y=0.12)
    if several:
        sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), title=None, frameon=False)
    sns.despine(figure)
    return figure, data
