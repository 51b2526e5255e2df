"""Settings of the step that says what a cache will take."""

from typing import Literal

from pydantic import Field

from sparse_circuits.config.base import Settings, StepSettings
from sparse_circuits.config.fit import Needs
from sparse_circuits.config.shared import Sited


class Stored(Settings):
    """How activations are stored."""

    dtype: Literal["bfloat16", "float16", "float32"] = Field("bfloat16", description="type to store activations in")


class PlanCache(Stored, Sited, StepSettings):
    """What will be cached, and what the study asks of the model."""

    rows: int = Field(description="tokens to cache, separators left out")
    needs: Needs = Field(description="what the study asks of the model")
    check_disk: bool = Field(True, description="stop when the folder's disk has less room")
