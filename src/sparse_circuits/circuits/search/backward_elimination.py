"""Backward elimination: take nodes away until no single one can go, and keep the proof."""

from collections.abc import Sequence

from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.search.bisection import smallest


def eliminate(bench: Bench, nodes: Sequence[Node], target: float) -> dict[Node, float]:
    """Return the nodes that are left, each with the faithfulness without it, which is below `target` for every one.

    Each round measures the circuit without each single node, all in one batch. Of the nodes that could go alone, as
    many go together as bisection finds can, the least needed first; then the others are measured anew.
    """
    left = list(nodes)
    while True:
        without = bench.faithfulness([_without(left, [node]) for node in left])
        needless = sorted((n for n in range(len(left)) if without[n] >= target), key=lambda n: -without[n])
        if not needless:
            return dict(zip(left, without, strict=True))
        left = _shortest(bench, left, [left[n] for n in needless], target)


def _shortest(bench: Bench, nodes: list[Node], needless: list[Node], target: float) -> list[Node]:
    """Return the nodes without as many of the needless ones as can go together: at best all, at worst the first."""
    ends = [_without(nodes, needless[: len(needless) - stay]) for stay in range(len(needless))]
    stay = smallest(len(ends), lambda size: bench.faithfulness([ends[size - 1]])[0] >= target)
    return ends[stay - 1]


def _without(nodes: list[Node], gone: list[Node]) -> list[Node]:
    return [node for node in nodes if node not in gone]
