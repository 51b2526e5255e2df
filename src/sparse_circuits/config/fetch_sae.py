"""Settings of the step that fetches a published autoencoder."""

from pydantic import Field

from sparse_circuits.config.base import Name, SiteName, StepSettings
from sparse_circuits.config.catalogue import PublishedSAE


class FetchSAE(StepSettings):
    """Which autoencoder is fetched."""

    model: Name = Field(description="name of the model that it was trained on")
    site: SiteName = Field(description="site that it was trained on")
    entry: PublishedSAE = Field(description="its format and sources")
