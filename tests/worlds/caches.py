"""What caches of the tiny model hold."""

from pathlib import Path

import h5py
from torch import Tensor

from sparse_circuits.activations.shard import read_slab, site_data
from sparse_circuits.config.site import Site

SITES = [Site("resid_post", 0), Site("mlp_neurons", 1), Site("resid_post", 1)]  # of the caches of the tiny model
CONTEXT = 16


def read_shard_rows(path: Path, site: str, begin: int, end: int) -> Tensor:
    """Rows `begin` to `end` of a site: (row, width), of the stored type."""
    with h5py.File(path) as file:
        data = site_data(file, site)
        return read_slab(data, begin, min(end, len(data)))
