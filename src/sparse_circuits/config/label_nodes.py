"""Settings of the step that asks a language model for labels, and of a study's `interpretations.labels`."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings


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


class LabelNodes(Labels, StepSettings):
    """Who is asked for the labels of one site's nodes."""
