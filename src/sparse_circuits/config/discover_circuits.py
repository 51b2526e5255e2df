"""Settings of the step that finds the circuits of clusters of tokens."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.discover_tokens import InPasses
from sparse_circuits.config.shared import OfStudy, Seeded, Sited


class Clustering(Settings):
    """How many clusters tokens make, and how their circuits are judged."""

    clusters: Positive = Field(64, description="clusters to make")
    sizes: Annotated[list[Positive], Field(min_length=1)] = Field(
        [30, 100, 300, 1000], description="nodes a circuit, ascending"
    )
    members: Positive = Field(6, description="held-out members that each circuit is run on")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if sorted(set(self.sizes)) != self.sizes:
            raise ValueError(f"`sizes` must ascend without repeats, found {self.sizes}")
        return self


class DiscoverCircuits(Clustering, InPasses, OfStudy, Seeded, Sited, StepSettings):
    """How described tokens are clustered, and the circuits of clusters judged."""
