"""How much of a circuit stays when pairs are drawn anew."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.figures.style import TEXT_WIDTH

ROW_HEIGHT = 0.3  # inches a circuit


def plot_stability(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of proof.json files: Jaccard indices of circuits over bootstrap resamples of pairs.

    `between resamples` is the mean over pairs of resamples, `with all pairs` that between a resample and the circuit.
    """
    found = [(file, CircuitProof.read(file)) for file in files]
    data = pd.DataFrame(
        [
            {
                "task": file.parents[1].name,
                "basis": file.parent.name,
                "nodes": proof.controls.size,
                "between resamples": proof.stability.jaccard,
                "with all pairs": proof.stability.jaccard_with_all,
                "resamples": proof.stability.resamples,
                "in nine of ten": len(proof.stability.consensus),
            }
            for file, proof in found
        ]
    )
    data["circuit"] = data["task"] + (", " + data["basis"] if data["basis"].nunique() > 1 else "")
    shown = data.melt("circuit", ["between resamples", "with all pairs"], "compared", "jaccard")
    figure, axis = plt.subplots(figsize=(TEXT_WIDTH * 0.75, ROW_HEIGHT * len(data) + 0.9))
    sns.barplot(data=shown, y="circuit", x="jaccard", hue="compared", ax=axis)
    axis.set(xlim=(0, 1), xlabel="Jaccard index of the nodes", ylabel="")
    sns.move_legend(axis, "lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, title=None, frameon=False)
    sns.despine(figure)
    return figure, data.drop(columns="circuit")
