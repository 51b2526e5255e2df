"""Settings of the step that fetches a model."""

from pydantic import Field

from sparse_circuits.config.base import Name, StepSettings
from sparse_circuits.config.catalogue import ModelEntry


class FetchModel(StepSettings):
    """Which model is fetched."""

    model: Name = Field(description="its name")
    entry: ModelEntry = Field(description="its entry of config/models.yaml")
