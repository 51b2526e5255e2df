"""Settings of the step that mines natural sentences."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.shared import Seeded


class Sentences(Settings):
    """Which sentences of the corpus are taken."""

    sentences: Annotated[int, Field(ge=4)] = Field(200, description="sentences to fit on, and as many to judge by")
    shortest: Positive = Field(4, description="fewest tokens of a prefix")
    longest: Positive = Field(16, description="most tokens of a prefix")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"`shortest` is {self.shortest} and `longest` {self.longest}")
        return self


class MineSentences(Sentences, Seeded, StepSettings):
    """How sentences are mined."""
