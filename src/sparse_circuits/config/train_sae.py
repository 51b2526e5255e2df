"""Settings of the step that trains autoencoders."""

from pydantic import Field

from sparse_circuits.config.autoencoders import Entries
from sparse_circuits.config.base import SiteName, StepSettings
from sparse_circuits.config.shared import Seeded


class TrainSAE(Entries, Seeded, StepSettings):
    """What is trained in one pass over the cache."""

    reads: list[SiteName] = Field(description="sites that are read; side by side, where there are several")
    writes: list[SiteName] = Field(
        [], description="sites that transcoders are to predict, where others than those read"
    )
