"""Settings of the step that cuts a corpus into sequences."""

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.cue import Cue
from sparse_circuits.config.shared import Seeded


class Context(Settings):
    """How long the sequences are."""

    context: Positive = Field(
        128, ge=2, description="tokens in a sequence, separator included; no more than the model was made for"
    )


class TokenizeCorpus(Context, Seeded, StepSettings):
    """How many sequences are cut, of which length."""

    train: Positive = Field(description="sequences to train on")
    held_out: Positive = Field(description="sequences of further documents to evaluate on")
    cue: Cue | None = Field(None, description="the cue on images that the model was trained with")
