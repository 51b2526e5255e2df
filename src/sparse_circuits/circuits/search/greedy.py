"""Greedy forward selection by measured effect, many circuits to a forward pass."""

from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.search.problem import Problem

POOL = 64  # the best-scored candidates, among which it chooses
GROWTH = 0.5  # a round adds this share of what is there
PAIRS = 16  # training pairs that measure an effect


def by_effect(problem: Problem, target: float) -> list[Node]:
    """Return the candidates in the order in which they were added; those beyond the pool follow by score.

    Sites cut the network, and while another site is closed a node does nothing. So it begins with the best-scored node
    of each site that has one in the pool. Each round measures every node of the pool beside those chosen, and adds
    those with which the circuit is most faithful.
    """
    judge = problem.train.first(PAIRS)
    pool = problem.candidates[:POOL]
    chosen = list({node.site: node for node in reversed(pool)}.values())[::-1]
    while rest := [node for node in pool if node not in chosen]:
        gains = judge.faithfulness([[*chosen, node] for node in rest])
        order = sorted(range(len(rest)), key=lambda n: -gains[n])
        chosen += [rest[n] for n in order[: max(1, int(GROWTH * len(chosen)))]]
    return chosen + problem.candidates[POOL:]
