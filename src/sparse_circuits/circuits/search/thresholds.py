"""Thresholds: candidates in the order of their scores. What every other search is compared with."""

from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.search.problem import Problem


def by_score(problem: Problem, target: float) -> list[Node]:
    """Return the candidates as they are ranked."""
    return list(problem.candidates)
