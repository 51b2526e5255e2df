"""Settings of the step that chooses the features of an edit."""

from sparse_circuits.config.base import StepSettings
from sparse_circuits.config.edits import OfEdit


class SelectFeatures(OfEdit, StepSettings):
    """Which edit's features are chosen."""
