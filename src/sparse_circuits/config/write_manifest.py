"""Settings of the step that describes a cache."""

from pydantic import Field

from sparse_circuits.config.base import Positive, StepSettings


class WriteManifest(StepSettings):
    """What the cache consists of."""

    shards: Positive = Field(description="how many shards it has; their names are shard-00000.h5 and so on")
