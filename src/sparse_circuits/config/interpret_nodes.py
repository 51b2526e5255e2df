"""Settings of the step that describes nodes."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, SiteName, StepSettings
from sparse_circuits.config.interpret_channels import TopContexts
from sparse_circuits.config.shared import Batched, OfStudy, Seeded


class Amounts(TopContexts):
    """How much is read, shown and drawn for each node."""

    tokens: Positive | None = Field(100_000, description="cached tokens to describe them on; null for all")
    quantiles: Annotated[int, Field(ge=2)] = Field(10, description="quantiles of activations, with a context from each")
    window: Annotated[int, Field(ge=2)] = Field(32, description="tokens a context")
    inputs: Positive = Field(3, description="top contexts a node whose activation is attributed to their tokens")
    judged: Positive = Field(5, description="held-out contexts a quantile on which a generated label is judged")


class InterpretNodes(Amounts, Batched, Seeded, OfStudy, StepSettings):
    """How the nodes of one site are described."""

    site: SiteName = Field(description="site to describe")
