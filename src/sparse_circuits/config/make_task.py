"""Settings of the step that makes a task's pairs."""

from typing import Any

from pydantic import Field

from sparse_circuits.config.base import StepSettings
from sparse_circuits.config.cue import Cue
from sparse_circuits.config.shared import Seeded


class MakeTask(Seeded, StepSettings):
    """Which pairs are made."""

    task: dict[str, Any] = Field(description="the task's entry of the study, its kind among it")
    cue: Cue | None = Field(None, description="the cue on images that the model was trained with")
