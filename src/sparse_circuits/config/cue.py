"""A spurious cue that a model of images is made to learn."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings


class Cue(Settings):
    """A spurious cue: a bright square in the top left corner of every training image of one class."""

    of: str = Field(description="name of the class")
    size: Positive = Field(4, description="pixels a side")
    level: Annotated[int, Field(ge=0, le=255)] = Field(255, description="brightness")
