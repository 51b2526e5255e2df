"""The activation cache: token sequences, HDF5 shards written permuted and atomically, a manifest, and their reader."""

from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.manifest import Statistics, build_manifest, read_manifest, read_statistics
from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.activations.sequences import Sequences, read_sequences, write_image_sequences, write_sequences

__all__ = [
    "ActivationReader",
    "Sequences",
    "Statistics",
    "build_manifest",
    "cache_shard",
    "read_manifest",
    "read_sequences",
    "read_statistics",
    "write_image_sequences",
    "write_sequences",
]
