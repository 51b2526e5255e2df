"""Circuits found without a task: well predicted tokens, clustered by the features that bring them about."""

from sparse_circuits.circuits.discovery.describe import Autoencoders, Descriptions, describe, load_autoencoders
from sparse_circuits.circuits.discovery.store import load_tokens, save_tokens
from sparse_circuits.circuits.discovery.tokens import Targets, Wanted, find_targets

__all__ = [
    "Autoencoders",
    "Descriptions",
    "Targets",
    "Wanted",
    "describe",
    "find_targets",
    "load_autoencoders",
    "load_tokens",
    "save_tokens",
]
