"""Settings of the step that judges circuits."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.shared import Batched, Seeded, Sited


class Judging(Settings):
    """Which circuits are judged, on what."""

    sizes: Annotated[list[Positive], Field(min_length=2)] = Field(description="nodes a circuit, ascending")
    judge_pairs: Positive | None = Field(None, description="judge circuits on so many test pairs; all when not given")
    random_circuits: Positive = Field(3, description="matched random circuits at each size")


class EvaluateCircuit(Judging, Batched, Seeded, Sited, StepSettings):
    """How the circuits of one task are judged."""
