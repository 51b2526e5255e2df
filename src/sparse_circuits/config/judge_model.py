"""Settings of the step that judges a model of images."""

from pydantic import Field

from sparse_circuits.config.base import Positive, StepSettings


class JudgeModel(StepSettings):
    """What the images are."""

    crops: Positive = Field(1, description="test crops of each photograph, of which the first is the central one")
