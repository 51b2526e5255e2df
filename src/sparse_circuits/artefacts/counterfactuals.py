"""counterfactuals.json: class averages of tasks on images, and images changed until the model sees the other side."""

from typing import Annotated, ClassVar

from pydantic import Field

from sparse_circuits.artefacts.artefact import Artefact, Part

Levels = list[list[list[int]]]
"""An image (height, width, channel) of whole levels from 0 to 255."""


class SideAverages(Part):
    """The average images of both sides of a task."""

    of: Levels
    against: Levels


class CounterfactualExample(Part):
    """An image and its counterfactual, with their metrics in nats."""

    id: str
    of: Annotated[str, Field(alias="class")]
    image: Levels
    counterfactual: Levels
    before: float
    after: float


class TaskCounterfactuals(Part):
    """The share of images that turned, the mean change of a pixel from -1 to 1, averages, and examples."""

    task: str
    pairs: int
    flipped: float
    changed: float
    averages: SideAverages
    examples: list[CounterfactualExample]


class CounterfactualImages(Artefact):
    """The whole file."""

    rule: ClassVar = "make_counterfactuals"

    model: str
    sha256: dict[str, str]
    tasks: list[TaskCounterfactuals]
