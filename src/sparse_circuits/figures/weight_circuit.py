"""The circuit of a weight-sparse transformer: every node and every weight, from the embedding up."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.artefacts.weight_explanation import WeightExplanation
from sparse_circuits.base.wording import count
from sparse_circuits.figures.style import NEGATIVE, NEUTRAL, POSITIVE, TEXT_WIDTH

ROW_HEIGHT = 0.85  # inches
SHADES = plt.get_cmap("Blues")
LABEL_TOKENS = 2
ALONG = (0.35, 0.5, 0.65, 0.42, 0.58)  # of the way from source to target, where weights stand: not all at one height
MOST_LABELS = 60  # edges from which weights are no longer written beside the lines


def draw_weight_circuit(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the drawing and the table of edges of one circuit.json of basis weights, with its explanation.json.

    Places are rows in the order of the computation; queries, keys and values of a layer share one. A line is a nonzero
    weight, as wide as it is large; a dotted line joins what is written to a channel of the residual stream with who
    reads that channel later. Weights are written beside the lines of circuits of up to 60 edges.
    A node is the darker the more prompts change their answer when it is what it is in the pair's other prompt; under a
    node that reads or writes the residual stream stand the tokens of largest embedding or unembedding in its channel.
    """
    circuit, explanation = WeightCircuit.read(files[0]).plain(), WeightExplanation.read(files[1])
    rows: dict[str, list[dict[str, Any]]] = {}
    for node in circuit["nodes"]:
        rows.setdefault(_row(node["site"]), []).append(node)
    widest = max((len(row) for row in rows.values()), default=1)
    places = _placed([[node["id"] for node in row] for row in rows.values()], circuit["edges"], widest)
    figure, axis = plt.subplots(figsize=(TEXT_WIDTH, ROW_HEIGHT * max(len(rows), 2) + 0.4))
    strongest = max((abs(edge["weight"]) for edge in circuit["edges"]), default=1.0)
    for number, edge in enumerate(circuit["edges"]):
        (x0, y0), (x1, y1) = places[edge["source"]], places[edge["target"]]
        colour = NEGATIVE if edge["weight"] < 0 else POSITIVE
        axis.plot([x0, x1], [y0, y1], color=colour, linewidth=0.4 + 2.2 * abs(edge["weight"]) / strongest, zorder=1)
        if len(circuit["edges"]) <= MOST_LABELS:
            along = ALONG[number % len(ALONG)]
            axis.text(
                x0 + along * (x1 - x0),
                y0 + along * (y1 - y0),
                f"{edge['weight']:+.2f}",
                fontsize=5.5,
                color=colour,
                ha="center",
                va="center",
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
                zorder=3,
            )
    for source, target in residual_links([node["id"] for node in circuit["nodes"]]):
        (x0, y0), (x1, y1) = places[source], places[target]
        axis.plot([x0, x1], [y0, y1], color=NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)
    for name, (x, y) in places.items():
        place, _, index = name.partition("/")
        kind = place.split(".")[0].removeprefix("attn_").removeprefix("mlp_")
        facts = explanation.nodes[name]
        shown = f"{kind} {index}" if kind in "qkv" else index
        for token, weight in (facts.tokens or [])[:LABEL_TOKENS] if len(circuit["edges"]) <= MOST_LABELS else []:
            shown += f"\n{weight:+.1f} {token!r}"
        axis.text(
            x,
            y,
            shown,
            fontsize=6,
            ha="center",
            va="center",
            zorder=4,
            bbox={
                "boxstyle": "round,pad=0.25",
                "facecolor": SHADES(0.5 * max(facts.follows, 0.0)),
                "edgecolor": NEUTRAL,
                "linewidth": 0.7,
            },
        )
    for level, row in enumerate(rows):
        axis.text(-0.02 * widest, level, row, fontsize=7, ha="right", va="center")
    axis.set(xlim=(-0.02 * widest, widest), ylim=(-0.5, max(len(rows), 2) - 0.4))
    axis.set_title(
        f"{circuit['task']} in {circuit['model']}: {count(len(circuit['nodes']), 'node')}, "
        f"{count(len(circuit['edges']), 'edge')}"
    )
    axis.axis("off")
    handles = [
        Line2D([], [], color=POSITIVE, label="positive weight"),
        Line2D([], [], color=NEGATIVE, label="negative weight"),
        Line2D([], [], color=NEUTRAL, linestyle=":", label="the same channel of the residual stream"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    return figure, pd.DataFrame(circuit["edges"], columns=["source", "target", "weight"])


def _placed(rows: list[list[str]], edges: list[dict[str, Any]], width: int) -> dict[str, tuple[float, float]]:
    """Return where nodes stand: each row in the order of its nodes' neighbours below, so that few lines cross."""
    neighbours: dict[str, list[str]] = {}
    for edge in edges:
        neighbours.setdefault(edge["target"], []).append(edge["source"])
        neighbours.setdefault(edge["source"], []).append(edge["target"])
    places: dict[str, tuple[float, float]] = {}

    def middle(name: str) -> float:
        below = [places[other][0] for other in neighbours.get(name, []) if other in places]
        return sum(below) / len(below) if below else width / 2

    # Twice: the lowest row, which has nothing below it, then goes by what stands above.
    for _ in range(2):
        for level, row in enumerate(rows):
            ordered = sorted(row, key=middle)
            places |= {name: ((i + 0.5) * width / len(row), float(level)) for i, name in enumerate(ordered)}
    return places


def residual_links(nodes: list[str]) -> list[tuple[str, str]]:
    """Return which node reads the channel of the residual stream that which earlier node writes."""
    parsed = [(name, *_parts(name)) for name in nodes]
    order = {"attn_in": 0, "attn_out": 1, "mlp_in": 2, "mlp_out": 3}
    writes = [part for part in parsed if part[1] in ("attn_out", "mlp_out")]
    reads = [part for part in parsed if part[1] in ("attn_in", "mlp_in")]
    return [
        (writer, reader)
        for writer, wrote, layer, index in writes
        for reader, read, later, channel in reads
        if index == channel and (layer, order[wrote]) < (later, order[read])
    ]


def _parts(name: str) -> tuple[str, int, int]:
    place, _, index = name.partition("/")
    kind, _, layer = place.partition(".")
    return kind, int(layer), int(index)


def _row(site: str) -> str:
    kind, _, layer = site.partition(".")
    return f"attn_qkv.{layer}" if kind in ("attn_q", "attn_k", "attn_v") else site
