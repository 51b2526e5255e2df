"""Searches for the smallest circuit that is faithful enough: a ranking, bisection, backward elimination."""

from collections.abc import Callable
from dataclasses import dataclass

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.search.backward_elimination import eliminate
from sparse_circuits.circuits.search.bisection import smallest_circuit
from sparse_circuits.circuits.search.greedy import by_effect
from sparse_circuits.circuits.search.hard_concrete import by_hard_concrete
from sparse_circuits.circuits.search.heaviside import by_heaviside
from sparse_circuits.circuits.search.problem import Problem
from sparse_circuits.circuits.search.thresholds import by_score
from sparse_circuits.config.minimise_circuit import MinimalCircuits

# A search ranks the candidates of a problem, given the faithfulness asked for.
SEARCHES: dict[str, Callable[[Problem, float], list[Node]]] = {
    "thresholds": by_score,
    "greedy": by_effect,
    "hard_concrete": by_hard_concrete,
    "heaviside": by_heaviside,
}


@dataclass(frozen=True)
class Minimal:
    """A circuit from which no single node can go.

    `without` holds its nodes, each with the faithfulness without it; `bisected` is the number before elimination.
    """

    without: dict[Node, float]
    faithfulness: float
    bisected: int


def minimal_circuit(problem: Problem, settings: MinimalCircuits) -> Minimal:
    """Return the smallest circuit that the search finds whose faithfulness on held-out pairs is at least the target.

    Raises StudyError when all candidates together are less faithful, or no node is needed.
    """
    target = settings.target
    ranking = SEARCHES[settings.search](problem, target)
    bisected = smallest_circuit(problem.held_out, ranking, target)
    without = eliminate(problem.held_out, bisected, target)
    if not without:
        raise StudyError(f"error nodes alone are {target:g} faithful: no node is needed; raise `minimal.target`")
    (faithfulness,) = problem.held_out.faithfulness([list(without)])
    return Minimal(without, faithfulness, len(bisected))
