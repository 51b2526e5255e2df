"""One HDF5 shard: the same rows, in the same order, for every site."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparse_circuits.files import publishing

CHUNK_BYTES = 8 * 2**20
Dtype = Literal["bfloat16", "float16", "float32"]


@dataclass(frozen=True)
class SiteStatistics:
    """What one shard says of one site; sums are fp64 over the rows that were kept."""

    sum: NDArray[np.float64]
    sum_squared_norm: float
    max_abs: float
    median_norm: float
    sinks: int


@dataclass(frozen=True)
class Rows:
    """Where each row of a shard comes from, three arrays (row,)."""

    token_id: NDArray[np.int32]
    document: NDArray[np.int32]
    position: NDArray[np.int32]


def write_shard(
    path: Path, activations: Mapping[str, Tensor], rows: Rows, statistics: Mapping[str, SiteStatistics], dtype: Dtype
) -> None:
    """Publish activations {site: (row, width)}; bf16 is stored as uint16 bit patterns, each chunk with a checksum."""
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        for site, tensor in activations.items():
            array = _to_stored(tensor, dtype)
            # As many chunks as needed, all of one size: HDF5 stores the last one whole, filled or not.
            chunks = math.ceil(array.nbytes / CHUNK_BYTES)
            chunk = math.ceil(len(array) / max(1, chunks))
            data = file.create_dataset(
                f"activations/{site}", data=array, chunks=(chunk, array.shape[1]), fletcher32=True
            )
            data.attrs["dtype"] = dtype
            group = file.create_group(f"statistics/{site}")
            for name, value in asdict(statistics[site]).items():
                group[name] = value
        for name, values in asdict(rows).items():
            file[name] = values


def _to_stored(tensor: Tensor, dtype: Dtype) -> NDArray[np.generic]:
    tensor = tensor.to(getattr(torch, dtype))
    return tensor.view(torch.uint16).numpy() if dtype == "bfloat16" else tensor.numpy()


def read_rows(path: Path, site: str, begin: int, end: int) -> Tensor:
    """Read rows `begin` to `end` of a site as a tensor (row, width) of the stored type."""
    with h5py.File(path) as file:
        data = file[f"activations/{site}"]
        stored = torch.from_numpy(data[begin:end])
        return stored.view(torch.bfloat16) if data.attrs["dtype"] == "bfloat16" else stored


def read_statistics(path: Path, site: str) -> SiteStatistics:
    """Read what a shard says of a site."""
    with h5py.File(path) as file:
        group = file[f"statistics/{site}"]
        return SiteStatistics(**{name: group[name][()] for name in SiteStatistics.__annotations__})


def shard_sites(path: Path) -> dict[str, str]:
    """Return the sites that a shard holds, each with its stored type."""
    with h5py.File(path) as file:
        return {site: data.attrs["dtype"] for site, data in file["activations"].items()}


def shard_rows(path: Path) -> int:
    """Return how many rows a shard holds."""
    with h5py.File(path) as file:
        return int(file["token_id"].shape[0])
