"""Settings of the step that traces a prompt."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, Settings, Share, StepSettings
from sparse_circuits.config.shared import OfStudy, Sited


class Tracing(Settings):
    """Which prompt is traced, and how much of its graph is kept."""

    prompt: Annotated[str, Field(min_length=1)] = Field(description="text whose next token is traced")
    logit_mass: Share = Field(0.95, description="trace the likeliest tokens that together have this probability")
    max_logits: Positive = Field(10, description="but at most so many")
    max_nodes: Positive = Field(5000, description="features that get a row, by falling influence")
    node_share: Share = Field(0.8, description="keep the nodes that make up this share of all influence")
    edge_share: Share = Field(0.98, description="keep the edges that make up this share of all influence")


class TracePrompt(Tracing, OfStudy, Sited, StepSettings):
    """How one prompt is traced."""

    name: Name = Field(description="name of the graph")
