"""circuit.json: the nodes of a circuit, the edges between them, and what they were found with."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class CircuitFacts(Part):
    """What a circuit is of."""

    study: str
    task: str
    model: str
    basis: str
    metric: str

    @property
    def name(self) -> str:
        """What exports call it."""
        return f"{self.task}-{self.basis}"


class CircuitEdge(Part):
    """An edge between two nodes, by their ids; its weight is in units of the metric."""

    source: str
    target: str
    weight: float


class PromotedTokens(Part):
    """Texts of the tokens that a node makes likelier and less likely; not set where it writes none directly."""

    promotes: list[str] | None = None
    suppresses: list[str] | None = None


class PlacedNode(Part):
    """A node, an error node, or the output, whose site is `output`; its score is in units of the metric."""

    id: str
    site: str
    position: int | None
    score: float


class CircuitNode(PromotedTokens, PlacedNode):
    """A node with the tokens that it promotes."""


class CircuitThresholds(Part):
    """Shares of the |total effect| that nodes and edges must have."""

    node: float
    edge: float


class CircuitHashes(Part):
    """Of the model's weights, of the training pairs, and of each site's autoencoder; not set in memory."""

    model: str
    task: str
    saes: dict[str, str]


class ScoredCircuit(Artefact, CircuitFacts):
    """The whole file."""

    rule: ClassVar = "find_circuit"

    metric_gap: float
    method: str
    thresholds: CircuitThresholds
    sha256: CircuitHashes | None = None
    nodes: list[CircuitNode]
    edges: list[CircuitEdge]

    @property
    def parts(self) -> list[CircuitNode]:
        """The nodes without the output."""
        return [node for node in self.nodes if node.site != "output"]
