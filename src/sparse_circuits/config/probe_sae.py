"""Settings of the step that probes an autoencoder, and of a study's `probing`."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, SiteName, StepSettings
from sparse_circuits.config.shared import Seeded


class Probing(Settings):
    """What is asked of the features of every autoencoder: what a few of them tell, and what a letter's leave out."""

    ks: Annotated[list[Positive], Field(min_length=1)] = Field([1, 2, 5], description="features a probe")
    words_a_letter: Annotated[int, Field(ge=10)] = Field(100, description="words a first letter, for absorption")


class ProbeSAE(Probing, Seeded, StepSettings):
    """What is asked of one autoencoder."""

    site: SiteName = Field(description="site of the autoencoder")
    batch: Positive = Field(64, description="prompts a forward pass")
