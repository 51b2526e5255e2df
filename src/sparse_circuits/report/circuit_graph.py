"""A circuit as the page's graph: nodes on a grid, by rank; edges; the curve over the number of nodes."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from sparse_circuits.artefacts.circuit import PlacedNode, ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.prompt_graph import GraphNode, PromptGraph
from sparse_circuits.base.wording import rounded
from sparse_circuits.config.site import Site

WRAP = 8  # nodes in a line at one position
CURVES = ("nodes", "faithfulness", "completeness", "random")


def circuit_graph(
    circuit: ScoredCircuit, evaluation: CircuitEvaluation, notes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what the browser draws of a circuit: `nodes`, `edges`, `rows`, `scored`, `curve`, `chosen`.

    Args:
        circuit: a circuit.json
        evaluation: the evaluation.json beside it
        notes: what is known of nodes, by id without position (see read_notes)

    `rows` are sites in the order of the computation, the output last. A node has `row`, `column` and `rank`: its place
    by |score| among the nodes that the curve counts, from 1; error nodes and the output are always kept, with rank 0.
    Columns are positions where the circuit has them, else ranks within the site. Edges are [source, target, weight]
    with places in `nodes`, weights in nats.
    """
    listed = circuit.nodes
    rows = sorted({node.site for node in listed}, key=_order)
    ranks = _ranks(listed)
    columns = _columns(listed, ranks)
    effects = evaluation.effects or {}
    place = {node.id: number for number, node in enumerate(listed)}
    return {
        "task": circuit.task,
        "basis": circuit.basis,
        "scored": [f"effect on the {circuit.metric.replace('_', ' ')}", "by attribution"],
        "rows": rows,
        "nodes": [
            {
                "id": node.id,
                "kind": _kind(node),
                "row": rows.index(node.site),
                "column": columns[node.id],
                "rank": ranks.get(node.id, 0),
                "score": rounded(node.score),
                **({"how": "(patch minus clean)"} if _kind(node) == "output" else {}),
                **({"effect": rounded(effects[node.id])} if node.id in effects else {}),
                **({"position": node.position} if node.position is not None else {}),
                **node.model_dump(include={"promotes", "suppresses"}, exclude_unset=True),
                **notes.get(node.id.partition("@")[0], {}),
            }
            for node in listed
        ],
        "edges": [[place[edge.source], place[edge.target], rounded(edge.weight)] for edge in circuit.edges],
        "chosen": {name: rounded(getattr(evaluation.circuit, name)) for name in ("nodes", "faithfulness")},
        "curve": {
            **{name: [rounded(value) for value in getattr(evaluation, name)] for name in CURVES},
            "low": [rounded(low) for low, _ in evaluation.faithfulness_ci95],
            "high": [rounded(high) for _, high in evaluation.faithfulness_ci95],
        },
    }


def prompt_graph(graph: PromptGraph, notes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the browser draws of an attribution graph (graph.json): as of a circuit, without a curve.

    A node's score is its influence on the logits; columns are positions. What stands at one site and position is
    wrapped to lines of WRAP nodes; `row` is a line, and `lines` has the first line of each of `rows`.
    """
    listed = graph.nodes
    rows = sorted({node.site for node in listed}, key=_order)
    ranked = sorted(listed, key=lambda node: -node.influence)
    ranks = {node.id: rank for rank, node in enumerate(ranked, 1)}
    columns, lines, begins = _wrapped(listed, ranks, rows)
    place = {node.id: number for number, node in enumerate(listed)}
    return {
        "task": graph.name,
        "scored": ["influence on the logits", ""],
        "rows": rows,
        "lines": begins,
        "nodes": [
            {
                "id": node.id,
                "kind": {"logit": "output", "error": "error"}.get(node.kind, "node"),
                "row": lines[node.id],
                "column": columns[node.id],
                "rank": ranks[node.id],
                "score": rounded(node.influence),
                "position": node.position,
                **({"tokens": [node.token]} if node.token is not None else {}),
                **node.model_dump(include={"promotes", "suppresses"}, exclude_unset=True),
                **notes.get(node.id.partition("@")[0], {}),
            }
            for node in listed
        ],
        "edges": [[place[edge.source], place[edge.target], rounded(edge.weight)] for edge in graph.edges],
    }


def _order(site: str) -> tuple[float, float]:
    return (float("inf"), 0) if site == "output" else Site.parse(site).order


def _kind(node: PlacedNode) -> str:
    if node.site == "output":
        return "output"
    return "error" if node.id.partition("@")[0].endswith("/error") else "node"


def _ranks(nodes: Sequence[PlacedNode]) -> dict[str, int]:
    counted = [node for node in nodes if _kind(node) == "node"]
    ranked = sorted(counted, key=lambda node: -abs(node.score))
    return {node.id: rank for rank, node in enumerate(ranked, 1)}


def _columns(nodes: Sequence[PlacedNode], ranks: Mapping[str, int]) -> dict[str, float]:
    """Columns of nodes: centred in a row by rank, or, with positions, beside each other within their position."""
    by_place: dict[tuple[str, int | None], list[str]] = {}
    for node in sorted(nodes, key=lambda node: ranks.get(node.id, len(ranks) + 1)):
        by_place.setdefault((node.site, node.position), []).append(node.id)
    width = max(map(len, by_place.values()))
    columns: dict[str, float] = {}
    for (_, position), ids in by_place.items():
        start = -(len(ids) - 1) / 2 if position is None else position * (width + 1)
        columns |= {node: start + number for number, node in enumerate(ids)}
    return columns


def _wrapped(
    nodes: Sequence[GraphNode], ranks: Mapping[str, int], rows: Sequence[str]
) -> tuple[dict[str, float], dict[str, int], list[int]]:
    """Columns and lines of nodes, each position as wide as its fullest line, and the first line of each row."""
    cells: dict[tuple[str, int], list[str]] = {}
    for node in sorted(nodes, key=lambda node: ranks[node.id]):
        cells.setdefault((node.site, node.position), []).append(node.id)
    positions = sorted({position for _, position in cells})
    widths = {at: max(min(WRAP, len(ids)) for (_, p), ids in cells.items() if p == at) for at in positions}
    heights = [max(-(-len(ids) // WRAP) for (site, _), ids in cells.items() if site == row) for row in rows]
    lefts = dict(zip(positions, accumulate((widths[at] + 1 for at in positions), initial=0), strict=False))
    begins = list(accumulate(heights, initial=0))[:-1]
    columns: dict[str, float] = {}
    lines: dict[str, int] = {}
    for (site, position), ids in cells.items():
        for number, name in enumerate(ids):
            columns[name] = lefts[position] + number % WRAP
            lines[name] = begins[rows.index(site)] + number // WRAP
    return columns, lines, begins
