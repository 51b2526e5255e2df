"""Settings of the step that judges on natural sentences what was found on templates."""

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.shared import Batched, OfStudy, Seeded, Sited


class Transferred(Settings):
    """What is judged, beside what."""

    nodes: Positive = Field(100, description="nodes that are judged")
    random_circuits: Positive = Field(5, description="matched random circuits beside them")


class JudgeTransfer(Transferred, Batched, Seeded, Sited, OfStudy, StepSettings):
    """How nodes found on templates are judged."""
