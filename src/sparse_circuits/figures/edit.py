"""What an edit changes and what it leaves, beside the model before and other ways of doing it."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.edit_evaluation import EditEvaluation, Judgement
from sparse_circuits.figures.style import NEUTRAL, POSITIVE, TEXT_WIDTH

OF_CUE = {
    "accuracy": "accuracy,\nno cue",
    "accuracy_swapped": "accuracy,\ncue swapped",
    "worst_group": "accuracy,\nworst group",
}


def plot_edit(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of an edit's evaluation.json: a row a way, a column a number.

    Columns are the goal's gap, the share of wrong answers where attractors were the goal, the accuracy of each kept
    behaviour, and perplexity, or, where a cue was the goal, accuracies on images; lines are 95 % intervals.
    """
    found = EditEvaluation.read(files[0])
    data = pd.DataFrame([_row(name, way) for name, way in found.ways.items()])
    columns = {
        "gap": "gap (nats)",
        **({"errors": "wrong answers"} if "errors" in data else {}),
        **{key: f"accuracy,\n{key.replace('_', ' ')}" for key in found.kept},
        **{key: label for key, label in OF_CUE.items() if key in data},
        **({} if "accuracy_swapped" in data else {"perplexity": None}),
    }
    figure, axes = plt.subplots(
        1, len(columns), figsize=(TEXT_WIDTH, 0.24 * len(data) + 0.8), sharey=True, squeeze=False
    )
    colours = [POSITIVE if mine else NEUTRAL for mine in data["way"].isin(["hooked", "permanent"])]
    for axis, (column, label) in zip(axes[0], columns.items(), strict=True):
        axis.scatter(data[column], range(len(data)), c=colours, s=18, zorder=3)
        if f"{column}_low" in data:
            axis.hlines(range(len(data)), data[f"{column}_low"], data[f"{column}_high"], colors=colours, linewidth=1)
        if column == "gap":
            axis.axvline(0, color=NEUTRAL, linewidth=0.8)
        else:
            axis.axvline(data[column][0], color=NEUTRAL, linewidth=0.8, linestyle=":")
        axis.set_xlabel(label or column)
        axis.margins(x=0.15)
    axes[0][0].set_yticks(range(len(data)), [name.replace("_", " ") for name in data["way"]])
    axes[0][0].invert_yaxis()
    sns.despine(figure)
    return figure, data


def _row(name: str, way: Judgement) -> dict[str, str | float]:
    ends = {
        f"{key.removesuffix('_ci95').removesuffix('_range')}_{end}": bound
        for key, value in way.items()
        if isinstance(value, list)
        for end, bound in zip(("low", "high"), value, strict=True)
    }
    return {"way": name, **{k: v for k, v in way.items() if isinstance(v, float)}, **ends}
