"""Settings of the step that makes counterfactual images."""

from pydantic import Field

from sparse_circuits.config.base import Positive, StepSettings


class MakeCounterfactuals(StepSettings):
    """How many images are changed."""

    pairs: Positive = Field(32, description="pairs a task that are changed")
    shown: Positive = Field(4, description="of these, whose images are written")
