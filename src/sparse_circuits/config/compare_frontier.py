"""Settings of the step that compares sparse models with dense ones, and of a study's `frontier`."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Name, Settings, StepSettings


class Frontier(Settings):
    """Capability against interpretability: which models are compared."""

    sparse: Annotated[list[Name], Field(min_length=1)] = Field(description="weight-sparse models")
    dense: Annotated[list[Name], Field(min_length=1)] = Field(
        description="dense models; the one whose pretraining loss is nearest is a sparse model's twin"
    )


class CompareFrontier(Frontier, StepSettings):
    """Which models are compared."""
