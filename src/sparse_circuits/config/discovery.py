"""Settings of discovery: circuits that are found without a task."""

from typing import Annotated

from pydantic import Field, model_validator

from sparse_circuits.config.base import Positive, Settings, Share


class Discovery(Settings):
    """Which tokens are described, how many clusters they make, and how their circuits are judged."""

    tokens: Positive = Field(4000, description="well predicted tokens, a quarter of them held out")
    begin: Share = Field(
        1 / 3, description="share of the layers before the first site that is described; all sites if none lies so deep"
    )
    context: Annotated[int, Field(ge=6)] = Field(24, description="tokens a window, document separator included")
    max_loss: Annotated[float, Field(gt=0)] = Field(0.5, description="highest loss of a well predicted token, in nats")
    a_window: Positive = Field(6, description="tokens of one window at most")
    kept: Positive = Field(300, description="features kept of each token's description")
    clusters: Positive = Field(64, description="clusters to make")
    sizes: Annotated[list[Positive], Field(min_length=1)] = Field(
        [30, 100, 300, 1000], description="nodes a circuit, ascending"
    )
    members: Positive = Field(6, description="held-out members that each circuit is run on")
    batch_tokens: Positive = Field(1024, description="tokens in one pass")

    @model_validator(mode="after")
    def _ascending(self) -> "Discovery":
        if sorted(set(self.sizes)) != self.sizes:
            raise ValueError(f"`sizes` must ascend without repeats, found {self.sizes}")
        if self.clusters > self.tokens:
            raise ValueError(f"{self.clusters} clusters of {self.tokens} tokens; lower `clusters`")
        return self
