"""Settings of the step that caches one shard of activations."""

from typing import Literal

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.plan_cache import Stored
from sparse_circuits.config.shared import Seeded, Sited


class Compressed(Settings):
    """How what is stored is made smaller."""

    compression: Literal["none", "zstd"] = Field(
        "none",
        description="`zstd` takes about 70 % of the bytes (bf16), without loss, at a tenth of the writing and half of "
        "the reading speed",
    )


class CacheActivations(Stored, Compressed, Seeded, Sited, StepSettings):
    """What one shard holds; its rows are permuted by `seed` and `begin`."""

    begin: int = Field(description="first sequence of the shard")
    end: int = Field(description="the sequence after its last")
    batch: Positive = Field(8, description="sequences a forward pass")
