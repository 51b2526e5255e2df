"""What of a model's activations is cached."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings


class Activations(Settings):
    """What is cached for training."""

    tokens: Positive = Field(description="tokens run through the model for training")
    held_out_tokens: Positive = Field(4096, description="tokens of further documents, kept for evaluation")
    context: Annotated[int, Field(ge=2)] = Field(128, description="tokens a sequence, document separator included")
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    compression: Literal["none", "zstd"] = Field("none", description="zstd: smaller shards, written more slowly")
    shard_tokens: Positive = Field(65_536, description="tokens a shard; a shard is one job and one file")
    sites_per_shard: Positive | None = Field(None, description="neighbouring sites a shard; all of them when not given")
    share: bool = Field(True, description="keep shards in DVC's cache and remote, or only their hashes")
