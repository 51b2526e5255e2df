"""What all models that are trained here have, whatever they are trained on."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, Share
from sparse_circuits.config.shared import Seeded

Anneal = Literal["linear", "sqrt", "exponential"]


class Network(Settings):
    """Sizes and training of one model, whatever it is trained on."""

    layers: Positive = Field(description="number of layers")
    d_model: Positive = Field(description="width of the residual stream; the MLP is four times as wide")
    head_dim: Positive = Field(16, description="width of an attention head")
    share: Share = Field(1.0, description="share of the weights left at the end of training; 1: a dense model")
    anneal: Anneal = Field("linear", description="how that share falls")
    anneal_until: Share = Field(0.5, description="part of the run at which it is reached")
    least: Annotated[int, Field(ge=0)] = Field(4, description="weights that every neuron and channel keeps")
    batch: Positive = Field(16, description="sequences a step")
    passes: Positive = Field(1, description="passes a step is divided over, to fit into memory")
    learning_rate: float = Field(0.0128, gt=0, description="peak, before it is divided by the root of the share left")
    epsilon: float = Field(0.1, gt=0, description="AdamW's, beside gradients of root mean square 1")
    weight_decay: float = Field(0.1, ge=0, description="AdamW's")


class TrainNetwork(Seeded):
    """What every step that trains such a model is told."""

    licence: str = Field(description="licence of the data")
