"""transfer.json: how necessary and how sufficient nodes found on templates are in natural sentences."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Interval, Part


class SentenceMetrics(Part):
    """Mean metrics of the model, with everything ablated, of the nodes alone, and of the rest."""

    model: float
    nothing: float
    circuit: float
    rest: float


class SentenceAccuracy(Part):
    """Shares of sentences that these answer rightly."""

    model: float
    circuit: float
    rest: float
    nothing: float


class SentenceMeasures(Part):
    """What the model and the nodes do on so many sentences."""

    examples: int
    metric: SentenceMetrics
    accuracy: SentenceAccuracy


class TransferShares(Part):
    """Shares of the metric that hang on the nodes; see `circuits.transfer.judge_nodes`."""

    necessity: float
    sufficiency: float
    sufficiency_without_errors: float
    errors_alone: float


class JudgedNodes(TransferShares, SentenceMeasures):
    """How necessary and how sufficient nodes are; `right_only` on the sentences that the model gets right."""

    necessity_ci95: Interval
    sufficiency_ci95: Interval
    sufficiency_without_errors_ci95: Interval
    errors_alone_ci95: Interval
    random_necessity: list[float]
    right_only: TransferShares


class JudgedOrigin(Part):
    """Where nodes are from, what ablated ones are set to, and how many they are."""

    nodes_from: str
    fill: str
    nodes: int


class JudgedTransfer(JudgedNodes, JudgedOrigin):
    """Nodes from somewhere, judged with one fill."""


class TransferEvaluation(Artefact):
    """The whole file."""

    rule: ClassVar = "judge_transfer"

    study: str
    model: str
    tasks: list[str]
    metric: str
    judged: list[JudgedTransfer]
