"""Settings of attribution graphs."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, Settings, Share


class Graph(Settings):
    """The attribution graph of one prompt's next token."""

    prompt: Annotated[str, Field(min_length=1)] = Field(description="text whose next token is traced")
    basis: Name = Field("features", description="which of the study's bases of features gives the nodes")
    logit_mass: Share = Field(0.95, description="trace the likeliest tokens that together have this probability")
    max_logits: Positive = Field(10, description="but at most so many")
    max_nodes: Positive = Field(5000, description="features that get a row, by falling influence")
    node_share: Share = Field(0.8, description="keep the nodes that make up this share of all influence")
    edge_share: Share = Field(0.98, description="keep the edges that make up this share of all influence")

    @property
    def flags(self) -> list[str]:
        """All but prompt and basis, as words of a command line."""
        settings = self.model_dump(exclude={"prompt", "basis"})
        return [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]
