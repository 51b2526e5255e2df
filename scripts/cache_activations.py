"""Cache the activations of one shard's sequences at all sites, in one forward pass."""

from sparse_circuits.command import program
from sparse_circuits.steps import cache_activations

if __name__ == "__main__":
    program(cache_activations.step)
