"""Settings of the steps that fetch a corpus, images or professions."""

from pydantic import Field

from sparse_circuits.config.base import Name, StepSettings
from sparse_circuits.config.catalogue import Dataset


class FetchDataset(StepSettings):
    """Which dataset is fetched."""

    name: Name = Field(description="its name")
    entry: Dataset = Field(description="its entry of config/datasets.yaml")
