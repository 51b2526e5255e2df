"""Settings of the step that searches for the smallest circuit, and of a study's `circuits.minimal`."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, Share, StepSettings
from sparse_circuits.config.shared import Batched, Seeded, Sited

Search = Literal["thresholds", "greedy", "hard_concrete", "heaviside"]


class MinimalCircuits(Settings):
    """How the smallest circuit that is faithful enough is searched for."""

    search: Search = Field("heaviside", description="how candidates are ranked")
    target: Share = Field(0.75, description="faithfulness asked for on held-out training pairs")
    candidates: Positive = Field(300, description="nodes to choose from, the best scored")
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.25, description="share of the training pairs that judge circuits, the last ones"
    )


class MinimiseCircuit(MinimalCircuits, Batched, Seeded, Sited, StepSettings):
    """How the smallest circuit of one task is searched for."""
