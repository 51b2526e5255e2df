"""How long a workflow's jobs took and how much memory they had, by rule."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.base.errors import StudyError
from sparse_circuits.figures.style import TEXT_WIDTH

ROW_HEIGHT = 0.2  # inches a rule


def plot_runtime(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of Snakemake's benchmark files, logs/<rule>/<job>.tsv.

    By rule: jobs, minutes of wall time and of processor time of all jobs, and the largest job's memory in GiB. Raises
    StudyError when there are none.
    """
    if not files:
        raise StudyError("no benchmarks under logs/: run the workflow first")
    rows = pd.concat(
        [pd.read_csv(file, sep="\t", na_values="-").tail(1).assign(rule=file.parent.name) for file in files]
    )
    data = (
        rows.groupby("rule")
        .agg(jobs=("s", "size"), wall=("s", "sum"), processor=("cpu_time", "sum"), memory=("max_rss", "max"))
        .sort_values("wall", ascending=False)
        .reset_index()
    )
    data[["wall", "processor"]] /= 60
    data["memory"] /= 1024
    figure, axes = plt.subplots(1, 2, sharey=True, figsize=(TEXT_WIDTH, ROW_HEIGHT * len(data) + 0.8))
    times = data.melt("rule", ["wall", "processor"], "time", "minutes")
    sns.barplot(data=times, y="rule", x="minutes", hue="time", ax=axes[0])
    sns.barplot(data=data, y="rule", x="memory", ax=axes[1], color="0.6")
    axes[0].set(xlabel="minutes of all jobs", ylabel="")
    axes[1].set(xlabel="GiB, largest job", ylabel="")
    sns.move_legend(axes[0], "lower right", title=None, frameon=False)
    sns.despine(figure)
    return figure, data.rename(columns={"wall": "wall_minutes", "processor": "cpu_minutes", "memory": "memory_gib"})
