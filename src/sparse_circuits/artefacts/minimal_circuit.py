"""A minimised circuit: the smallest that a search found to be faithful enough."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class NeededNode(Part):
    """A node, and the faithfulness on held-out pairs without it."""

    id: str
    score: float
    faithfulness_without: float


class SearchSizes(Part):
    """Nodes before the search, after bisection, and in the end."""

    candidates: int
    bisected: int
    minimal: int


class MinimalCircuit(Artefact):
    """The whole file. `scores` is the method that scored the candidates."""

    rule: ClassVar = "minimise_circuit"

    search: str
    scores: str
    target: float
    held_out_faithfulness: float
    sizes: SearchSizes
    nodes: list[NeededNode]
