"""Random circuits to compare a circuit with: as many nodes at each site."""

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import TypeVar

import torch

N = TypeVar("N")


def matched_random(
    circuit: Sequence[N],
    candidates: Sequence[N],
    generator: torch.Generator,
    site: Callable[[N], Hashable] = attrgetter("site"),
) -> list[N]:
    """Return a random circuit with as many nodes at each site as `circuit`, drawn from `candidates` without repeats."""
    drawn: list[N] = []
    for name, pool in by_site(candidates, site).items():
        wanted = sum(site(node) == name for node in circuit)
        drawn += [pool[i] for i in torch.randperm(len(pool), generator=generator)[:wanted].tolist()]
    return drawn


def by_site(nodes: Sequence[N], site: Callable[[N], Hashable] = attrgetter("site")) -> dict[Hashable, list[N]]:
    """Return the nodes of each site, in their order."""
    pools: dict[Hashable, list[N]] = {}
    for node in nodes:
        pools.setdefault(site(node), []).append(node)
    return pools
