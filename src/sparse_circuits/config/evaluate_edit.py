"""Settings of the step that judges an edit."""

from pydantic import Field

from sparse_circuits.config.base import StepSettings
from sparse_circuits.config.cue import Cue
from sparse_circuits.config.edits import OfEdit
from sparse_circuits.config.shared import Seeded


class EvaluateEdit(OfEdit, Seeded, StepSettings):
    """Which edit is judged."""

    cue: Cue | None = Field(None, description="the cue on images that the model was trained with")
