"""Settings of the steps that write a study's pages."""

from pydantic import Field

from sparse_circuits.config.base import Name, StepSettings
from sparse_circuits.config.shared import OfStudy


class WriteWeightReport(OfStudy, StepSettings):
    """What the pages of a study of weight-sparse transformers say of it."""


class WriteReport(OfStudy, StepSettings):
    """What the pages of a study say of it."""

    headline_task: Name = Field(description="the task whose numbers stand first in the report")
