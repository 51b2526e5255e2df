"""A circuit as a drawn graph: sites as rows from the input up, nodes labelled by the tokens they promote."""

import json
from pathlib import Path
from textwrap import wrap
from typing import Any
from unicodedata import east_asian_width

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import FancyBboxPatch

from sparse_circuits.artefacts.circuit import CircuitEdge, CircuitNode, ScoredCircuit
from sparse_circuits.figures.labels import read_labels
from sparse_circuits.figures.pictures import Picture, read_pictures
from sparse_circuits.figures.style import NEGATIVE, NEUTRAL, POSITIVE, TEXT_WIDTH

NODES_A_ROW = 6
EDGES_A_NODE = 2
ROW_HEIGHT = 1.0  # inches
PICTURE = 28  # pixels that a picture has at its size here
LABEL = (24, 16)  # letters of a label in a line, and beside a picture
BOX = (0.90, 0.46)  # width in columns, height in rows


def draw_circuit(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the drawing and the table of nodes of one circuit.json.

    The interpretations of its sites may follow: each node then shows its label, and of a circuit of images, whose
    images.h5 stands among them, its top image. At most the NODES_A_ROW strongest nodes of a site are drawn, and the
    EDGES_A_NODE strongest edges into each.
    """
    circuit = ScoredCircuit.read(files[0])
    images = [file for file in files[1:] if file.suffix == ".h5"]
    interpretations = [file for file in files[1:] if file.suffix == ".json"]
    pictures = read_pictures(images[0], interpretations, 1) if images else {}
    labels = read_labels(interpretations)
    output, parts = next(node for node in circuit.nodes if node.site == "output"), circuit.parts
    rows: dict[str, list[CircuitNode]] = {}
    for node in sorted(parts, key=lambda node: -abs(node.score)):
        row = rows.setdefault(node.site, [])
        if len(row) < NODES_A_ROW:
            row.append(node)
    sites = [site for site in dict.fromkeys(node.site for node in parts) if site in rows]
    places = {output.id: (NODES_A_ROW / 2, float(len(sites)))}
    for level, site in enumerate(sites):
        left = (NODES_A_ROW - len(rows[site])) / 2 + 0.5
        for column, node in enumerate(rows[site]):
            places[node.id] = (left + column, float(level))

    figure, axis = plt.subplots(figsize=(TEXT_WIDTH, ROW_HEIGHT * (len(sites) + 1)))
    strongest = max(abs(node.score) for node in parts)
    _draw_edges(axis, circuit.edges, places)
    for level, site in enumerate(sites):
        count = sum(node.site == site for node in parts)
        axis.text(-0.05, level, f"{site}\n{len(rows[site])} of {count}", ha="right", va="center", fontsize=7)
        for node in rows[site]:
            label = labels.get(node.id.partition("@")[0], "")
            _draw_node(axis, places[node.id], node, label, strongest, pictures.get(node.id, []))
    _draw_output(axis, places[output.id], circuit)
    axis.set(xlim=(-0.1, NODES_A_ROW + 0.1), ylim=(-0.5, len(sites) + 0.5))
    axis.axis("off")
    handles = [
        Line2D([], [], color=NEGATIVE, label="lowers the metric when patched: carries the behaviour"),
        Line2D([], [], color=POSITIVE, label="raises it"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=7)
    table = pd.DataFrame(
        [
            {
                **node.model_dump(include={"id", "site", "score"}),
                "label": labels.get(node.id.partition("@")[0], ""),
                "promotes": json.dumps(node.promotes or [], ensure_ascii=False),
            }
            for node in parts
        ]
    )
    return figure, table


def _draw_edges(axis: Axes, edges: list[CircuitEdge], places: dict[str, tuple[float, float]]) -> None:
    drawn = [edge for edge in edges if edge.source in places and edge.target in places]
    into: dict[str, int] = {}
    strongest = max((abs(edge.weight) for edge in drawn), default=1.0)
    for edge in sorted(drawn, key=lambda edge: -abs(edge.weight)):
        into[edge.target] = into.get(edge.target, 0) + 1
        limit = NODES_A_ROW if places[edge.target][1] == max(y for _, y in places.values()) else EDGES_A_NODE
        if into[edge.target] > limit:
            continue
        (x0, y0), (x1, y1) = places[edge.source], places[edge.target]
        width = 0.4 + 2.6 * abs(edge.weight) / strongest
        colour = NEGATIVE if edge.weight < 0 else POSITIVE
        half = BOX[1] / 2
        axis.plot(
            [x0, x1],
            [y0 + half, y1 - half],
            color=colour,
            linewidth=width,
            alpha=0.55,
            zorder=1,
            solid_capstyle="round",
        )


def _draw_node(
    axis: Axes, place: tuple[float, float], node: CircuitNode, label: str, strongest: float, pictures: list[Picture]
) -> None:
    name = node.id.rsplit("/", 1)[1]
    colour = NEUTRAL if name == "error" else NEGATIVE if node.score < 0 else POSITIVE
    share = abs(node.score) / strongest
    _box(axis, place, colour, 0.6 + 1.6 * share)
    words = [_shown(token) for token in (node.promotes or [])[: 1 if label else 2]]
    if label:
        # What a label gives as examples in brackets has no place here.
        letters = LABEL[bool(pictures)] // _width(label)
        words = [*wrap(_plain(label.partition(" (")[0]), letters, max_lines=2, placeholder=" ..."), *words]
    x, y = place
    for colours, _ in pictures:
        picture = AnnotationBbox(
            OffsetImage(colours, zoom=0.62 * PICTURE / len(colours), interpolation="nearest"),
            (x - 0.3, y),
            frameon=False,
            pad=0,
        )
        axis.add_artist(picture)
        x += 0.15
    axis.text(x, y + 0.13, f"{name} {node.score:+.2f}", ha="center", va="center", fontsize=6, weight="bold")
    told = "autoencoder's error" if name == "error" else "\n".join(words)
    axis.text(x, y - 0.06, told, ha="center", va="center", fontsize=5 if label else 6, linespacing=1.0)


def _draw_output(axis: Axes, place: tuple[float, float], circuit: ScoredCircuit) -> None:
    _box(axis, place, (0.2, 0.2, 0.2), 1.5)
    axis.text(
        place[0],
        place[1],
        f"{circuit.task}\n{circuit.metric.replace('_', ' ')}",
        ha="center",
        va="center",
        fontsize=6.5,
        weight="bold",
    )


def _box(axis: Axes, place: tuple[float, float], colour: Any, width: float) -> None:
    corner = (place[0] - BOX[0] / 2, place[1] - BOX[1] / 2)
    box = FancyBboxPatch(
        corner,
        *BOX,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="white",
        edgecolor=colour,
        linewidth=width,
        zorder=2,
    )
    axis.add_patch(box)


def _shown(token: str) -> str:
    """A token as plain text, with whitespace visible."""
    return f"“{_plain(token[: 14 // _width(token)])}”"


def _width(text: str) -> int:
    """How many letters wide the characters of a text are at most: those of East Asian scripts are two."""
    return 1 + any(east_asian_width(letter) in "WF" for letter in text)


def _plain(text: str) -> str:
    """Text without markup."""
    return text.replace("\n", "⏎").replace("\t", "⇥").replace("$", r"\$")
