"""selection.json of an edit: the features that are rewritten, and why each was taken or refused."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part
from sparse_circuits.config.edits import Select


class RewrittenNode(Part):
    """A node, and what becomes of its coordinate: `clamp` where given, else `factor` times it, where below `below`."""

    node: str
    factor: float
    clamp: float | None
    below: float | None


class SelectionTrial(RewrittenNode):
    """A rewriting that was decided on: the gap in nats that it leaves, and what was measured before the decision."""

    gap: float
    held_out_gap: float | None
    accuracy: dict[str, float] | None
    loss: float | None
    taken: bool
    reason: str


class EditSelection(Artefact):
    """The whole file."""

    rule: ClassVar = "select_features"

    goal: str
    settings: Select
    nodes: list[RewrittenNode]
    trials: list[SelectionTrial]
