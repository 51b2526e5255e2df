"""Settings of the step that trains bridges, and of a study's `bridges`."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, Settings, Share, StepSettings
from sparse_circuits.config.shared import OfStudy, Seeded


class BridgeTraining(Settings):
    """How bridges are trained, and what is carried over them."""

    tokens: Positive = Field(400_000, description="tokens they are trained on")
    batch: Positive = Field(16, description="sequences a step")
    active: Share = Field(0.25, description="share of the encoders' channels that AbsTopK keeps")
    learning_rate: float = Field(0.003, gt=0, description="peak learning rate of AdamW")
    held_out: Positive = Field(64, description="held-out sequences on which the bridges' losses are measured")
    strengths: Annotated[list[float], Field(min_length=1)] = Field(
        [0.25, 0.5, 0.75, 1.0], description="parts of the way to the other prompt that channels are moved"
    )


class Bridging(BridgeTraining):
    """Bridges between a dense and a sparse model, over which interventions on sparse circuits are carried."""

    dense: Name = Field(description="one of `models`")
    sparse: Name = Field(description="another of them, with as many layers")


class TrainBridges(BridgeTraining, OfStudy, Seeded, StepSettings):
    """How the bridges of a study are trained."""
