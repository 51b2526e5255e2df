"""What of a model's activations is cached."""

from pydantic import Field

from sparse_circuits.config.base import Positive
from sparse_circuits.config.cache_activations import Compressed
from sparse_circuits.config.plan_cache import Stored
from sparse_circuits.config.tokenize_corpus import Context


class Activations(Compressed, Stored, Context):
    """What is cached for training."""

    tokens: Positive = Field(description="tokens run through the model for training; rounded up to whole sequences")
    held_out_tokens: Positive = Field(4096, description="tokens of further documents, kept for evaluation")
    shard_tokens: Positive = Field(65_536, description="tokens in a shard; a shard is one job and one file")
    sites_per_shard: Positive | None = Field(
        None,
        description="neighbouring sites in a shard, all when not given; fewer make smaller files that fewer jobs need, "
        "at the price of a forward pass for each group",
    )
    share: bool = Field(
        True, description="keep shards in DVC's cache and remote, or only their hashes: they can be computed anew"
    )
