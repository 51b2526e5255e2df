"""Faithfulness and completeness over circuit size: features against neurons against random."""

from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.figures.style import NEUTRAL, PALETTE, TEXT_WIDTH

BASES = {
    "features": "features",
    "transcoders": "transcoder features",
    "neurons": "MLP neurons",
    "heads": "attention heads",
    "channels": "residual channels",
}
BARE = "features, no error nodes"
CONTROLS = {"shuffled": "labels shuffled", "nonsense": "nonsense answers"}
SHOWN = {"faithfulness": (-0.2, 1.3), "completeness": (-0.6, 1.2)}  # of each row's axis
TITLES = 96  # letters that the titles of all columns have beside each other
LOOKS = {
    BASES["features"]: (PALETTE[0], "-", "o"),
    BARE: (PALETTE[9], "--", "s"),
    BASES["transcoders"]: (PALETTE[2], "-", "D"),
    BASES["neurons"]: (PALETTE[1], "-", "^"),
    BASES["heads"]: (PALETTE[3], "-", "v"),
    BASES["channels"]: (PALETTE[4], "-", "P"),
    **{f"random {BASES[basis]}": (NEUTRAL, ":", marker) for basis, marker in zip(BASES, "x1234", strict=True)},
    **{name: (PALETTE[3], "", marker) for name, marker in zip(CONTROLS.values(), "+x", strict=True)},
}


def plot_faithfulness(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of circuits' evaluation.json files: one column a task.

    Bands are 95 % intervals over pairs. Where a circuit was put to the proof, the faithfulness of as many nodes that
    were found where labels are shuffled, or answers are nonsense, stands beside.
    """
    data = pd.DataFrame([row for file in files for row in _rows(CircuitEvaluation.read(file))])
    tasks = list(dict.fromkeys(data["task"]))
    letters = TITLES // len(tasks)
    width = TEXT_WIDTH * max(0.5, min(1.0, len(tasks) / 3))
    figure, axes = plt.subplots(
        2, len(tasks), figsize=(width, 3.6), sharex=True, sharey="row", squeeze=False, gridspec_kw={"hspace": 0.08}
    )
    for column, task in enumerate(tasks):
        here = data[data["task"] == task]
        for row, measure in enumerate(("faithfulness", "completeness")):
            _draw(axes[row, column], here[here["measure"] == measure], *SHOWN[measure])
        axes[0, column].set_title(task if len(task) <= letters else "\n".join(wrap(task.replace("_", " "), letters)))
        axes[1, column].set_xlabel("nodes")
    axes[0, 0].set(ylabel="faithfulness", ylim=SHOWN["faithfulness"])
    axes[1, 0].set(ylabel="faithfulness of\nthe complement", ylim=SHOWN["completeness"])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4 if len(tasks) > 2 else 2, frameon=False)
    sns.despine(figure)
    return figure, data


def _draw(axis: Axes, data: pd.DataFrame, bottom: float, top: float) -> None:
    for level in (0, 1):
        axis.axhline(level, color="0.85", linewidth=0.8, zorder=0)
    for name, (colour, line, marker) in LOOKS.items():
        curve = data[data["circuit"] == name]
        if curve.empty:
            continue
        axis.plot(
            curve["nodes"],
            curve["value"],
            linestyle=line,
            color=colour,
            marker=marker,
            markersize=2.5 if line else 4,
            linewidth=1.2,
            label=name,
        )
        if curve["low"].notna().all():
            axis.fill_between(curve["nodes"], curve["low"], curve["high"], color=colour, alpha=0.2, linewidth=0)
        _mark_outside(axis, curve, bottom, top, colour)
    axis.set_xscale("log")


def _mark_outside(axis: Axes, curve: pd.DataFrame, bottom: float, top: float, colour: Any) -> None:
    """Arrows at the edge of the axis, with the value, for controls that lie beyond it; curves are seen to leave it."""
    for _, point in curve[curve["circuit"].isin(CONTROLS.values())].iterrows():
        if bottom <= point["value"] <= top:
            continue
        edge, inwards = (top, -1) if point["value"] > top else (bottom, 1)
        side, aside = ("right", -3) if point["circuit"] == CONTROLS["shuffled"] else ("left", 3)
        axis.annotate(
            f"{point['value']:.1f}",
            (point["nodes"], edge),
            xytext=(aside, inwards * 14),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize="x-small",
            color=colour,
            arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 4, "shrinkB": 0},
        )


def _rows(evaluation: CircuitEvaluation) -> list[dict]:
    main = BASES[evaluation.basis]
    curves: list[tuple[str, str, list[float]]] = [
        ("faithfulness", main, evaluation.faithfulness),
        ("completeness", main, evaluation.completeness),
        ("faithfulness", f"random {main}", evaluation.random),
    ]
    if evaluation.basis == "features" and evaluation.without_errors:
        curves += [(measure, BARE, values) for measure, values in evaluation.without_errors]
    rows: list[dict] = []
    for measure, name, values in curves:
        band = getattr(evaluation, f"{measure}_ci95") if name == main else [(None, None)] * len(values)
        for nodes, value, (low, high) in zip(evaluation.nodes, values, band, strict=True):
            rows.append({"measure": measure, "circuit": name, "nodes": nodes, "value": value, "low": low, "high": high})
    if found := evaluation.controls:
        for control, name in CONTROLS.items():
            point = {"nodes": found.size, "value": getattr(found, control), "low": None, "high": None}
            rows.append({"measure": "faithfulness", "circuit": name, **point})
    return [{"task": evaluation.task, **row} for row in rows]
