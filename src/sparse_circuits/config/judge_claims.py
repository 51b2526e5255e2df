"""Settings of the step that tests claims."""

from sparse_circuits.config.base import StepSettings
from sparse_circuits.config.shared import Batched, Seeded, Sited


class JudgeClaims(Batched, Seeded, Sited, StepSettings):
    """How claims are tested."""
