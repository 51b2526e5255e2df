"""Cache the activations of one shard's sequences at all sites, in one forward pass."""

from sparse_circuits.command import program
from sparse_circuits.steps.cache_activations import step

program(step)
