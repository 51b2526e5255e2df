"""Settings of the step that describes channels of models of images."""

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.shared import OfStudy, Sited


class TopContexts(Settings):
    """How much is shown of a node."""

    contexts: Positive = Field(10, description="top contexts a node")


class InterpretChannels(TopContexts, OfStudy, Sited, StepSettings):
    """Which channels are described."""
