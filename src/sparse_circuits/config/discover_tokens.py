"""Settings of the step that finds and describes tokens."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Amount, Positive, Settings, StepSettings
from sparse_circuits.config.shared import Seeded, Sited


class Wanted(Settings):
    """Which tokens are described."""

    tokens: Positive = Field(4000, description="well predicted tokens, a quarter of them held out")
    context: Annotated[int, Field(ge=6)] = Field(24, description="tokens a window, document separator included")
    max_loss: Amount = Field(0.5, description="highest loss of a well predicted token, in nats")
    a_window: Positive = Field(6, description="tokens of one window at most")


class Described(Settings):
    """How far they are described."""

    kept: Positive = Field(300, description="features kept of each token's description")


class InPasses(Settings):
    """How much goes through the model at once."""

    batch_tokens: Positive = Field(1024, description="tokens in one pass")


class DiscoverTokens(Wanted, Described, InPasses, Seeded, Sited, StepSettings):
    """Which tokens are described, and how."""
