"""evaluation.json of an edit: what it does, beside the model before, the model that keeps it, and other ways."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part
from sparse_circuits.artefacts.edit_selection import RewrittenNode

Judgement = dict[str, float | list[float] | dict[str, float] | dict[str, dict[str, float]]]
"""What one way does: gap, perplexity, kl and accuracies, these by the names of what is kept; `_ci95` of each beside."""


class ChangedPrediction(Part):
    """A place in held-out text, how far apart predictions are there in nats, and the tokens that move most."""

    context: str
    next: str
    kl: float
    rises: str
    falls: str


class ChangedNode(Part):
    """A node's mean coordinate before and after, and the mean size of its change."""

    node: str
    before: float
    after: float
    change: float


class SideEffects(Part):
    """Accuracies by task and way, and what moves most."""

    accuracy: dict[str, dict[str, float]]
    tokens: list[ChangedPrediction]
    nodes: list[ChangedNode]


class EditEvaluation(Artefact):
    """The whole file; `permanent` stands in it where a model keeps the edit."""

    rule: ClassVar = "evaluate_edit"

    model: str
    goal: str
    kept: list[str]
    features: int
    nodes: list[RewrittenNode]
    split: str
    before: Judgement
    hooked: Judgement
    permanent: Judgement | None = None
    baselines: dict[str, Judgement]
    side_effects: SideEffects
    continuations: list[dict[str, str]]

    @property
    def ways(self) -> dict[str, Judgement]:
        """The model before, the edit, and the baselines, by name."""
        kept = {} if self.permanent is None else {"permanent": self.permanent}
        return {"before": self.before, "hooked": self.hooked, **kept, **self.baselines}
