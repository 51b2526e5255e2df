"""Settings of discovery: circuits that are found without a task."""

from typing import Self

from pydantic import Field, model_validator

from sparse_circuits.config.base import Share
from sparse_circuits.config.discover_circuits import Clustering
from sparse_circuits.config.discover_tokens import Described, InPasses, Wanted


class Discovery(InPasses, Clustering, Described, Wanted):
    """Which tokens are described, how many clusters they make, and how their circuits are judged."""

    begin: Share = Field(
        1 / 3, description="share of the layers before the first site that is described; all sites if none lies so deep"
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.clusters > self.tokens:
            raise ValueError(f"{self.clusters} clusters of {self.tokens} tokens; lower `clusters`")
        return self
