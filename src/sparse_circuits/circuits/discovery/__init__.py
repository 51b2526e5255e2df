"""Circuits found without a task: well predicted tokens, clustered by the features that bring them about."""

from sparse_circuits.circuits.discovery.catalogue import describe_clusters, node_ids, summary, table
from sparse_circuits.circuits.discovery.circuits import ClusterCircuit, cluster_circuits
from sparse_circuits.circuits.discovery.clusters import Clusters, cluster, sparse_vectors
from sparse_circuits.circuits.discovery.descriptions import (
    Autoencoders,
    Descriptions,
    Means,
    describe,
    feature_means,
    load_autoencoders,
)
from sparse_circuits.circuits.discovery.store import load_tokens, save_tokens
from sparse_circuits.circuits.discovery.tokens import Targets, Wanted, find_targets

__all__ = [
    "Autoencoders",
    "ClusterCircuit",
    "Clusters",
    "Descriptions",
    "Means",
    "Targets",
    "Wanted",
    "cluster",
    "cluster_circuits",
    "describe",
    "describe_clusters",
    "feature_means",
    "find_targets",
    "load_autoencoders",
    "load_tokens",
    "node_ids",
    "save_tokens",
    "sparse_vectors",
    "summary",
    "table",
]
