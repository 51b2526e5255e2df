"""How the nodes of circuits are described, and who is asked for labels."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings
from sparse_circuits.config.interpret_channels import TopContexts


class Labels(Settings):
    """An endpoint that speaks OpenAI's chat completions, which is asked for a label of every node and to judge it."""

    base_url: Annotated[str, Field(pattern=r"^https?://\S+$")] = Field(
        description="up to and without /chat/completions"
    )
    model: str = Field(description="the endpoint's name of the model")
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = Field(
        None, description="the environment variable that holds the key, if one is needed; never the key itself"
    )
    timeout: Positive = Field(60, description="seconds to wait for an answer")
    tries: Positive = Field(4, description="times to ask while the endpoint is busy or out of reach")
    parallel: Positive = Field(4, description="questions under way at once")


class Interpretations(TopContexts):
    """How the features of the circuits are described."""

    tokens: Positive | None = Field(100_000, description="cached tokens to describe them on; null for all")
    quantiles: Annotated[int, Field(ge=2)] = Field(10, description="quantiles of activations, with a context from each")
    window: Annotated[int, Field(ge=2)] = Field(32, description="tokens a context")
    inputs: Positive = Field(3, description="top contexts a node whose activation is attributed to their tokens")
    judged: Positive = Field(5, description="held-out contexts a quantile on which a generated label is judged")
    labels: Labels | None = Field(None, description="a language model that labels nodes; none are asked when not given")
