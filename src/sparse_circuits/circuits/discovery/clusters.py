"""Clusters of tokens whose predictions the same features bring about.

Spherical k-means: attribution vectors are brought to unit length, reduced to their leading directions, and brought to
unit length again, where Euclidean k-means goes by the cosine (Dhillon & Modha 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from sparse_circuits.base.errors import StudyError

DIRECTIONS = 100  # of the reduced space
STARTS = 4  # of k-means; the best is kept


@dataclass(frozen=True)
class Clusters:
    """The cluster of each vector (vector,), and its cosine with the cluster's centroid of training vectors (vector,).

    Both are of all vectors. The cosine is taken in the whole space, not in the reduced one.
    """

    label: NDArray[np.int64]
    cosine: NDArray[np.float64]


def sparse_vectors(feature: NDArray[np.int64], value: NDArray[np.float32], width: int) -> csr_array:
    """Return vectors (vector, width) whose entries at `feature` (vector, kept) are `value` (vector, kept)."""
    rows, kept = feature.shape
    begins = np.arange(0, rows * kept + 1, kept)
    return csr_array((value.ravel().astype(np.float64), feature.ravel(), begins), shape=(rows, width))


def cluster(vectors: csr_array, held_out: NDArray[np.bool_], count: int, seed: int) -> Clusters:
    """Cluster the vectors (vector, width) that are not held out; then assign the held-out ones to nearest centroids.

    Raises StudyError when there are fewer training vectors than clusters.
    """
    train = np.flatnonzero(~held_out)
    if len(train) < count:
        raise StudyError(f"discovery.clusters: {count} clusters of {len(train)} training tokens; lower it")
    unit = normalize(vectors)
    # One thread: the order in which threads add up their sums would differ from run to run.
    with threadpool_limits(1):
        directions = min(DIRECTIONS, len(train) - 1, vectors.shape[1] - 1)
        reduction = TruncatedSVD(directions, random_state=seed).fit(unit[train])
        reduced = normalize(reduction.transform(unit))
        label = KMeans(count, n_init=STARTS, random_state=seed).fit(reduced[train]).predict(reduced)
    members = csr_array((np.ones(len(train)), (label[train], train)), shape=(count, len(label)))
    centroids = normalize(members @ unit)
    cosine = np.asarray(unit.multiply(centroids[label]).sum(axis=1)).ravel()
    return Clusters(label.astype(np.int64), cosine)
