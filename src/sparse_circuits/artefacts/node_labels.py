"""<site>.labels.json: what a language model says that nodes do, and how well it finds them by that."""

from pathlib import Path
from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part
from sparse_circuits.artefacts.interpretation import DetectionScores, Interpretation


class QuantileFound(Part):
    """Contexts of a quantile of the activations, and those of them that were found."""

    contexts: int
    found: int


class LabelContexts(Part):
    """How many contexts a label was judged on."""

    contexts: int


class LabelDetection(DetectionScores, LabelContexts):
    """How well a label finds a node's activations, also by quantile."""

    quantiles: list[QuantileFound]


class GeneratedLabel(Part):
    """A node's label, None where none was given; every answer as it came; how many could not be read."""

    id: str
    label: str | None
    unreadable: int
    answers: list[str]
    detection: LabelDetection | None


class NodeLabels(Artefact):
    """The whole file."""

    rule: ClassVar = "label_nodes"

    study: str
    site: str
    model: str
    labeller: str
    nodes: list[GeneratedLabel]


def read_site(path: Path) -> Interpretation | NodeLabels:
    """Read <site>.json or <site>.labels.json."""
    return (NodeLabels if path.name.endswith(".labels.json") else Interpretation).read(path)
