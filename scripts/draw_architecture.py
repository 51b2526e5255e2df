"""Draw the road from a study to its results, and who imports whom, from the layers and imports of the packages."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import grimp
import networkx as nx

from sparse_circuits.base.files import publishing
from sparse_circuits.command import program

ROOT = "sparse_circuits"
ROAD = (
    ("study.yaml", "config/studies", "file"),
    ("Study", "studies", "studies"),
    ("plan", "plan", "plan"),
    ("flags", "workflow/rules", "file"),
    ("Settings", "config", "config"),
    ("step", "steps", "steps"),
    ("method", "models … circuits", "circuits"),
    ("artefact", "artefacts", "artefacts"),
    ("file", "results", "file"),
)
# Which colour a package has; the others compute.
COLOURS = {
    "told": ("config", "studies", "tasks", "plan"),
    "run": ("command", "steps", "api", "versions"),
    "kept": ("base", "artefacts", "sources"),
    "shown": ("figures", "report"),
    "file": ("file",),
}
STYLE = """
text { font-family: system-ui, "DejaVu Sans", sans-serif; text-anchor: middle; fill: #1d2330 }
.panel { fill: #fdfdfb; stroke: #d5d8de } .line { fill: none; stroke: #8b93a3; stroke-width: 1.5 }
.tip { fill: #8b93a3 } .small, .note { font-size: 12px } .note { fill: #5a6374 }
.name { font-size: 14px; font-weight: 600 }
rect.told { fill: #d6e6fb; stroke: #4f86c6 } rect.run { fill: #fde3c8; stroke: #d08438 }
rect.kept { fill: #e7e0f6; stroke: #8568c4 } rect.shown { fill: #fadbe4; stroke: #c9587c }
rect.made { fill: #d7efdc; stroke: #4c9a62 } rect.file { fill: #ffffff; stroke: #8b93a3; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #eef1f6 } .note { fill: #aab3c2 } .panel { fill: #171b22; stroke: #333a46 }
  rect.told { fill: #1e3a5c } rect.run { fill: #5a3a17 } rect.kept { fill: #3a2f5c }
  rect.shown { fill: #5a2438 } rect.made { fill: #1f4a2c } rect.file { fill: #171b22 }
}
"""
WIDTH, BOX, TALL, PITCH, GAP, EDGE = 560, 118, 32, 66, 7, 9.0


@dataclass(frozen=True)
class Drawing:
    path: Path = Path("docs/images/architecture.svg")
    """SVG file to write"""


def main(args: Drawing) -> None:
    """Draw the road from a study to its results, and who imports whom."""
    road_height = 3 * 66 + 56
    rows = _rows(_imports())
    height = road_height + 60 + PITCH * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<title>From a study to its results, and the packages of {ROOT}</title><style>{STYLE}</style>",
        f'<rect class="panel" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="12"/>',
        *_road(),
        *_packages(rows, road_height),
        "</svg>",
    ]
    with publishing(args.path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _imports() -> nx.DiGraph:
    """The packages of the layers and what each imports, without what follows from the rest."""
    contracts = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [name.partition(".")[2] for name in contracts[0]["layers"]]
    modules = grimp.build_graph(ROOT, exclude_type_checking_imports=True, cache_dir=None)
    found = nx.DiGraph()
    found.add_nodes_from(layers)
    for module in sorted(modules.modules):
        for other in sorted(modules.find_modules_directly_imported_by(module)):
            ends = [f"{name}.".split(".")[1] for name in (module, other)]
            if ends[0] != ends[1] and set(ends) <= set(layers):
                found.add_edge(*ends)
    reduced = nx.transitive_reduction(found)
    ordered = nx.DiGraph()
    ordered.add_nodes_from(layers)
    ordered.add_edges_from(sorted(reduced.edges))
    return ordered


def _rows(graph: nx.DiGraph) -> list[dict[str, list[str]]]:
    """Rows from the top: each node with the nodes of the row below that it leads to.

    A package lies as low as its imports allow. A line over several rows has a node of its own in each.
    """
    height: dict[str, int] = {}
    for name in reversed(list(nx.topological_sort(graph))):
        height[name] = 1 + max((height[other] for other in graph[name]), default=-1)
    rows: list[dict[str, list[str]]] = [{} for _ in range(max(height.values()) + 1)]
    for name in graph:
        rows[-1 - height[name]][name] = []
    for upper, lower in graph.edges:
        chain = [upper, *(f"{upper}>{lower}>{level}" for level in range(height[upper] - 1, height[lower], -1)), lower]
        for step, (one, other) in enumerate(pairwise(chain)):
            rows[-1 - height[upper] + step].setdefault(one, []).append(other)
    return rows


def _wide(name: str) -> int:
    return 8 if ">" in name else BOX


def _places(rows: list[dict[str, list[str]]]) -> dict[str, float]:
    """The middle of each node: rows are sorted by the means of their neighbours, down and up in turn."""
    below = {name: others for row in rows for name, others in row.items()}
    above = {name: [one for row in rows for one, others in row.items() if name in others] for name in below}
    x = {name: WIDTH * (place + 0.5) / len(row) for row in rows for place, name in enumerate(row)}
    orders = [list(row) for row in rows]
    for turn in range(24):
        for order in orders if turn % 2 else reversed(orders):
            near = {name: (above if turn % 2 else below)[name] or [name] for name in order}
            wanted = {name: sum(x[one] for one in near[name]) / len(near[name]) for name in order}
            order.sort(key=wanted.__getitem__)
            edge = EDGE
            for name in order:
                x[name] = max(wanted[name], edge + _wide(name) / 2)
                edge = x[name] + _wide(name) / 2 + GAP
            edge = WIDTH - EDGE
            for name in reversed(order):
                x[name] = min(x[name], edge - _wide(name) / 2)
                edge = x[name] - _wide(name) / 2 - GAP
    return x


def _packages(rows: list[dict[str, list[str]]], top: int) -> Iterator[str]:
    x = _places(rows)
    level = {name: number for number, row in enumerate(rows) for name in row}
    y = {name: top + 50 + PITCH * level[name] for name in x}
    yield _note(top + 18, "An arrow leads from a package to one that it imports.")
    for row in rows:
        for name, others in row.items():
            for other in others:
                yield _curve(x[name], y[name] + TALL, x[other], y[other] - (0 if ">" in other else 5))
                if ">" not in other:
                    yield _tip(x[other], y[other])
            if ">" in name:
                yield f'<path class="line" d="M{x[name]:.1f} {y[name]} v{TALL}"/>'
    for name in x:
        if ">" not in name:
            yield from _box(x[name], y[name], BOX, TALL, name, name)


def _road() -> Iterator[str]:
    wide = 148
    for number, (name, where, package) in enumerate(ROAD):
        column, row = number % 3, number // 3
        x, y = 100 + 180 * column, 46 + 66 * row
        yield from _box(x, y, wide, 40, name, package, where)
        if column < 2:
            yield f'<path class="line" d="M{x + wide / 2} {y + 20} h{180 - wide - 5}"/>'
            yield f'<path class="tip" d="M{x + 180 - wide / 2} {y + 20} l-7 -4 v8 z"/>'
        elif row < 2:
            yield f'<path class="line" d="M{x} {y + 40} v13 H100 v8"/>' + _tip(100, y + 66)
    yield _note(28, "One road from a setting to a result")


def _box(x: float, y: float, wide: int, tall: int, name: str, package: str, note: str = "") -> Iterator[str]:
    colour = next((colour for colour, packages in COLOURS.items() if package in packages), "made")
    yield f'<rect class="{colour}" x="{x - wide / 2:.1f}" y="{y}" width="{wide}" height="{tall}" rx="7"/>'
    yield f'<text class="name" x="{x:.1f}" y="{y + (17 if note else 21)}">{escape(name)}</text>'
    if note:
        yield f'<text class="small" x="{x:.1f}" y="{y + 33}">{escape(note)}</text>'


def _note(y: int, text: str) -> str:
    return f'<text class="note" x="{WIDTH / 2}" y="{y}">{text}</text>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (y + to_y) / 2
    return f'<path class="line" d="M{x:.1f} {y} C{x:.1f} {middle} {to_x:.1f} {middle} {to_x:.1f} {to_y}"/>'


def _tip(x: float, y: float) -> str:
    return f'<path class="tip" d="M{x:.1f} {y} l-4 -7 h8 z"/>'


if __name__ == "__main__":
    program(main)
