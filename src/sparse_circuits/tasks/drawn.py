"""Which pairs of a task are used where not all of them are."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sparse_circuits.tasks.pair import Pair


def drawn(pairs: Sequence[Pair], count: int | None, seed: int) -> list[Pair]:
    """Return `count` of the pairs, drawn by `seed`, with every set of answers as often as any other while they last.

    Without `count` all are returned as they stand. A smaller count gives the first of those of a larger one.
    """
    if count is None:
        return list(pairs)
    taken: Counter[tuple[str, ...]] = Counter()
    turns: list[tuple[int, int]] = []
    for index in np.random.default_rng(seed).permutation(len(pairs)).tolist():
        turns.append((taken[tuple(pairs[index].answers)], index))
        taken[tuple(pairs[index].answers)] += 1
    # Sorting is stable: within a turn the order stays as drawn.
    return [pairs[index] for _, index in sorted(turns, key=lambda turn: turn[0])][:count]
