"""summary.json of a study's pages: the few numbers that matter."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Number, Part
from sparse_circuits.artefacts.model_losses import TrainedModel


class TaskRow(Part):
    """A circuit of a task."""

    task: str
    basis: str
    examples: int
    accuracy: float
    clean: float
    nodes: int | None
    circuit_nodes: int
    circuit_faithfulness: float
    circuit_accuracy: float
    relative_gap: float
    remarks: list[str]


class PrunedRow(Part):
    """A task in a weight-sparse transformer or its twin; where it is not solved there is no circuit."""

    task: str
    model: str
    solved: bool
    nodes: int | None
    edges: int | None
    whole: float | None
    circuit: float | None
    complement: float | None
    random: float | None
    accuracy: float | None


class SAERow(Part):
    """An autoencoder."""

    site: str
    d_sae: int
    l0: float
    fvu: float
    ce_recovered: float
    dead_fraction: float


class Named(Part):
    """What has a name."""

    name: str


class ModelRow(TrainedModel, Named):
    """A transformer that was trained here. The keys of the last base stand first."""


class StudySummary(Artefact):
    """The whole file; `models` are those of a study of weight-sparse transformers, which has no headline task."""

    rule: ClassVar = "write_report or write_weight_report"

    study: str
    task: str | None = None
    numbers: dict[str, Number | None]
    neurons: int | None = None
    models: list[ModelRow] | None = None
    tasks: list[TaskRow] | list[PrunedRow]
    saes: list[SAERow] | None = None
