"""graph.json: the attribution graph of one prompt."""

from typing import ClassVar, Literal

from sparse_circuits.artefacts.artefact import Artefact, Part
from sparse_circuits.artefacts.circuit import CircuitEdge, PromotedTokens


class TracedLogits(Part):
    """The share of the probability that the logits were to have, and the most logits."""

    mass: float
    max: int


class PruningShares(Part):
    """Shares of the influence that the kept nodes and edges make up."""

    node_share: float
    edge_share: float


class GraphHashes(Part):
    """Of the model's weights, and of each site's autoencoder."""

    model: str
    saes: dict[str, str]


class GraphScores(Part):
    """The replacement and the completeness score of the whole graph; see `circuits.graph.influence`."""

    replacement: float
    completeness: float


class GraphSizes(Part):
    """Nodes and edges of the whole graph."""

    nodes: int
    edges: int


class TracedNode(Part):
    """A node at a position: a token or logit with its text, a feature with its activation, or an error."""

    id: str
    position: int
    kind: Literal["token", "logit", "feature", "error"]
    site: str
    token_id: int | None = None
    token: str | None = None
    probability: float | None = None
    index: int | None = None
    activation: float | None = None
    influence: float
    cumulative: float


class GraphNode(PromotedTokens, TracedNode):
    """A node with the tokens that it promotes."""


class ShownGraph(Part):
    """Scores and sizes of the whole graph, the prompt's tokens, and the kept nodes and edges."""

    scores: GraphScores
    whole: GraphSizes
    tokens: list[str]
    nodes: list[GraphNode]
    edges: list[CircuitEdge]


class TracedPrompt(Part):
    """What was traced, of which model, and how."""

    study: str
    name: str
    prompt: str
    model: str
    num_layers: int
    logits: TracedLogits
    max_nodes: int
    pruning: PruningShares
    sha256: GraphHashes


class PromptGraph(Artefact, ShownGraph, TracedPrompt):
    """The whole file. The keys of the last base stand first in it."""

    rule: ClassVar = "trace_prompt"
