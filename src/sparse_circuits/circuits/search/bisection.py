"""Bisection on held-out pairs to the smallest circuit of a ranking that is faithful enough."""

from collections.abc import Callable, Sequence

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench


def smallest(sizes: int, holds: Callable[[int], bool]) -> int:
    """Return a size from 1 to `sizes` that holds while the next smaller one does not; `sizes` itself must hold.

    It is the smallest of all where what holds goes on holding as circuits grow. Takes log2(sizes) questions.
    """
    low, high = 0, sizes
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def smallest_circuit(bench: Bench, ranking: Sequence[Node], target: float) -> list[Node]:
    """Return the first nodes of a ranking, as few as bisection finds to be of faithfulness `target`.

    Raises StudyError when not even all of them are.
    """
    (whole,) = bench.faithfulness([ranking])
    if whole < target:
        raise StudyError(
            f"all {len(ranking)} candidates reach a faithfulness of {whole:.3f}, the target is {target:g}; "
            "raise circuits.minimal.candidates or lower circuits.minimal.target"
        )
    return list(ranking[: smallest(len(ranking), lambda size: bench.faithfulness([ranking[:size]])[0] >= target)])
