"""Settings of the step that trains a model of language, and of a study's `models`."""

from pydantic import Field

from sparse_circuits.config.base import Positive, Share, StepSettings
from sparse_circuits.config.network import Network, TrainNetwork


class Transformer(Network):
    """A model of language."""

    active: Share | None = Field(0.25, description="share of activations left at the eight places; none: all")
    tokens: Positive = Field(description="tokens trained on")


class TrainTransformer(TrainNetwork, StepSettings):
    """Which model is trained."""

    entry: Transformer = Field(description="its sizes and training")
