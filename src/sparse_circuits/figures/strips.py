"""The nodes of a circuit of images, each as a strip of the images on which it is most active."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.figures.labels import read_labels
from sparse_circuits.figures.pictures import read_pictures
from sparse_circuits.figures.style import TEXT_WIDTH

NODES = 12
IMAGES = 8
ROW_HEIGHT = 0.52  # inches
LABEL = 0.4  # share of the width


def draw_strips(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the drawing and table of circuit.json, images.h5 and the interpretations of its sites, in this order.

    The NODES nodes of largest |score| are rows: number, score in nats and label, then the images, the strongest first,
    warm where the feature is active.
    """
    circuit, images, *interpretations = files
    pictures = read_pictures(images, interpretations, IMAGES)
    labels = read_labels(interpretations)
    nodes = [node for node in ScoredCircuit.read(circuit).nodes if node.id in pictures]
    nodes = sorted(nodes, key=lambda node: -abs(node.score))
    drawn = nodes[:NODES]
    figure, axes = plt.subplots(
        max(len(drawn), 1),
        IMAGES + 1,
        figsize=(TEXT_WIDTH, ROW_HEIGHT * max(len(drawn), 1)),
        squeeze=False,
        gridspec_kw={"width_ratios": [LABEL * IMAGES / (1 - LABEL), *[1] * IMAGES]},
    )
    for axis in axes.flat:
        axis.axis("off")
    for row, node in zip(axes, drawn, strict=False):
        row[0].text(0, 0.72, f"{node.id}   {node.score:+.2f}", fontsize=6.5, weight="bold", va="center")
        row[0].text(0, 0.26, labels[node.id], fontsize=5.5, va="center")
        for axis, (colours, name) in zip(row[1:], pictures[node.id], strict=False):
            axis.imshow(colours, interpolation="nearest")
            axis.set_title(name, fontsize=4.5, pad=1.5)
    table = [{"id": node.id, "score": node.score, "label": labels[node.id]} for node in nodes]
    return figure, pd.DataFrame(table, columns=["id", "score", "label"])
