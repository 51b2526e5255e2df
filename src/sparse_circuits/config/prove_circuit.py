"""Settings of the step that puts a circuit to the proof."""

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.shared import Batched, Seeded, Sited


class ProvedPairs(Settings):
    """What a circuit is proved on."""

    prove_pairs: Positive | None = Field(
        None, description="compare circuits with random ones on so many test pairs; on all when not given"
    )


class ProveCircuit(ProvedPairs, Batched, Seeded, Sited, StepSettings):
    """How a circuit is put to the proof."""
