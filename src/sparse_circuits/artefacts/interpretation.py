"""<site>.json of a study: what the nodes of its circuits at one site do."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field

from sparse_circuits.artefacts.artefact import Artefact, Part


class TokenPlace(NamedTuple):
    """A token: its sequence and its position in that."""

    sequence: int
    position: int

    def window(self, length: int, context: int) -> slice:
        """Return the positions of a window of `length` tokens centred here, moved to lie behind the separator."""
        length = min(length, context - 1)
        begin = min(max(1, self.position - length // 2), context - length)
        return slice(begin, begin + length)


class DetectionScores(Part):
    """How well something tells where a node is active; balanced accuracy is None where one class is missing."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    precision: float
    recall: float
    f1: float
    balanced_accuracy: float | None


class RuleWords(Part):
    """A rule in words, and the distance of the token that it goes by."""

    words: str
    offset: int


class CountedRule(DetectionScores, RuleWords):
    """The best rule, how well it holds on held-out documents, and its recall in each quantile of the activations."""

    recall_by_quantile: list[float | None]


class PromotedFollow(Part):
    """How often a promoted token follows: anywhere, where the node is active, and the ratio of both."""

    share: float
    share_when_active: float
    lift: float | None


class ActivationRange(Part):
    """The mean activation above 0, the largest one and, on text, the ends of quantiles."""

    mean: float
    max: float
    quantiles: list[float] | None = None


class DrivingToken(Part):
    """A token before the node's own, its share of the activation, and in how many contexts it stands."""

    token: str
    share: float
    contexts: int


class NodeInputs(Part):
    """Shares of the activation: of the separator, by distance, from further away, and of the tokens before."""

    contexts: int
    separator: float
    by_offset: dict[str, float]
    further: float
    before: list[DrivingToken]


class TextContext(Part):
    """A window of text: where it is from, the node's own token (`at`), activations, and shares of its inputs."""

    document: int
    sequence: int
    position: int
    at: int
    tokens: list[str]
    activations: list[float]
    inputs: list[float] | None = None


class ActivatingImage(Part):
    """An image: its row in images.h5, its class, and the activation of each patch, row by row of the grid."""

    image: int
    of: Annotated[str, Field(alias="class")]
    activations: list[float]


class JudgedPlaces(Part):
    """Held-out places where the node is active, by quantile, and in whose windows it is silent."""

    active: list[list[TokenPlace]]
    silent: list[TokenPlace]


class NodeDescription(Part):
    """What a node does, on text or on images; docs/how-to/interpretations.md has the keys."""

    id: str
    label: str
    density: float
    active_tokens: int
    promotes: list[str] | None = None
    suppresses: list[str] | None = None
    promoted_follow: PromotedFollow | None = None
    activation: ActivationRange | None = None
    rule: CountedRule | None = None
    inputs: NodeInputs | None = None
    classes: dict[str, float] | None = None
    held_out: dict[str, float] | None = None
    top: list[TextContext] | list[ActivatingImage] | None = None
    spread: list[TextContext] | None = None
    judged: JudgedPlaces | None = None


class TaskScore(Part):
    """A node's score in the circuit of a task."""

    task: str
    position: int | None
    score: float


class TaskEdge(Part):
    """An edge of a node in the circuit of a task: the other node, and the weight."""

    task: str
    node: str
    weight: float


class NodeInCircuits(Part):
    """Where a node stands in circuits: its scores, and its edges, the heaviest first."""

    tasks: list[TaskScore]
    upstream: list[TaskEdge]
    downstream: list[TaskEdge]


class InterpretedNode(NodeInCircuits, NodeDescription):
    """A node of a file."""


class Interpretation(Artefact):
    """The whole file; `grid` (rows, columns) of images, `window` of text in tokens."""

    rule: ClassVar = "interpret_nodes or interpret_channels"

    study: str
    site: str
    model: str
    corpus: str
    tokens: int
    held_out_tokens: int
    grid: tuple[int, int] | None = None
    window: int | None = None
    sha256: dict[str, str]
    nodes: list[InterpretedNode]
