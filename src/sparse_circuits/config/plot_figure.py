"""Settings of the step that draws a figure."""

from pydantic import Field

from sparse_circuits.config.base import Name, StepSettings


class PlotFigure(StepSettings):
    """What is drawn."""

    kind: Name = Field(description="kind of figure, of those that figures/registry.py lists")
