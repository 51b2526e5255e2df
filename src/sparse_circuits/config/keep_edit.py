"""Settings of the step that makes an edit permanent."""

from pydantic import Field

from sparse_circuits.config.base import Name, StepSettings
from sparse_circuits.config.edits import OfEdit
from sparse_circuits.config.shared import Seeded


class KeepEdit(OfEdit, Seeded, StepSettings):
    """Which edit is made permanent."""

    name: Name = Field(description="name of the model that keeps it")
