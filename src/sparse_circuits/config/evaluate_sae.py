"""Settings of the step that evaluates an autoencoder."""

from pydantic import Field

from sparse_circuits.config.base import Positive, SiteName, StepSettings
from sparse_circuits.config.shared import Seeded
from sparse_circuits.config.site import HOOKS, Site


class EvaluateSAE(Seeded, StepSettings):
    """Where an autoencoder stands in the model, and how it is run."""

    name: str | None = Field(None, description="what to call its place in figures; what it reads if not given")
    reads: list[SiteName] = Field(description="sites that it reads")
    writes: list[SiteName] = Field([], description="sites that a transcoder predicts, where others than those read")
    batch: Positive = Field(8, description="sequences a forward pass")

    @property
    def place(self) -> str:
        """What its place is called in figures."""
        return self.name or HOOKS.join(self.reads)

    @property
    def sites(self) -> tuple[list[Site], list[Site]]:
        """The sites that it reads, and those that it writes."""
        reads = [Site.parse(site) for site in self.reads]
        return reads, [Site.parse(site) for site in self.writes] or reads
