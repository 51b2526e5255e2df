"""frontier.json: pretraining loss beside the size of circuits, for sparse models and their dense twins."""

from typing import ClassVar, Literal

from sparse_circuits.artefacts.artefact import Artefact, Part


class BothTwins(Part):
    """One measure of a dense and a sparse model."""

    dense: float
    sparse: float


class TwinEdges(Part):
    """Edges of a task's circuits in both."""

    dense_edges: int
    sparse_edges: int


class TwinPair(Part):
    """A sparse model and the dense one whose pretraining loss is nearest."""

    dense: str
    sparse: str
    pretraining_loss: BothTwins
    matched: bool
    accuracy: BothTwins | None = None
    without_circuit: list[str]
    tasks: dict[str, TwinEdges]
    geometric_mean_ratio: float | None
    geometric_mean_ratio_bisected: float | None


class FrontierModel(Part):
    """A model by its loss and the size of its circuits."""

    model: str
    kind: Literal["sparse", "dense"]
    pretraining_loss: float
    solved: int
    geometric_mean_edges: float | None


class WeightFrontier(Artefact):
    """The whole file."""

    rule: ClassVar = "compare_frontier"

    pairs: list[TwinPair]
    shared_tasks: list[str]
    models: list[FrontierModel]
