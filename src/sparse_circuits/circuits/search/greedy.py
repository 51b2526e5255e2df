"""Greedy search by measured effect, many circuits to a forward pass."""

from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.search.problem import Problem, numbered

POOL = 64  # the best-scored candidates, among which it chooses
DROP = 1 / 3  # share of what is left that a round takes away
PAIRS = 8  # training pairs that measure an effect


def by_effect(problem: Problem, target: float) -> list[Node]:
    """Return the pool's nodes against the order in which they were taken away; the other candidates follow by score.

    Each round measures the circuit that is left without each single node and takes away those whose absence costs
    least (recursive elimination, Guyon et al. 2002). Adding nodes one by one instead cannot work: every site cuts the
    network, so a node does nothing before others at every other site are there.
    """
    bench = problem.train.on(numbered(problem.train.groups, range(PAIRS)))
    left, rest = problem.candidates[:POOL], problem.candidates[POOL:]
    taken: list[Node] = []
    with Progress(total=len(left), desc="take away", unit="node") as progress:
        while len(left) > 1:
            without = bench.faithfulness([[n for n in left if n != node] for node in left])
            needed = sorted(range(len(left)), key=lambda n: (without[n], n))
            keep = len(left) - max(1, int(DROP * len(left)))
            taken = [left[n] for n in needed[keep:]] + taken
            left = [left[n] for n in needed[:keep]]
            progress.update(len(needed) - keep)
    return left + taken + rest
