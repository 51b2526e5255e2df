"""One HDF5 shard: the same rows, in the same order, for every site."""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing

CHUNK_BYTES = 8 * 2**20
BLOSC2 = 32026  # the codec's number in the HDF Group's register of filters
Dtype = Literal["bfloat16", "float16", "float32"]
Compression = Literal["none", "zstd"]


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
    """Where each row of a shard comes from, arrays (row,): `sequence` is the number of a training sequence."""

    token_id: NDArray[np.int32]
    document: NDArray[np.int32]
    sequence: NDArray[np.int32]
    position: NDArray[np.int32]


def write_shard(
    path: Path,
    activations: Mapping[str, Tensor],
    rows: Rows,
    statistics: Mapping[str, SiteStatistics],
    dtype: Dtype,
    compression: Compression = "none",
) -> None:
    """Publish activations {site: (row, width)}; bf16 is stored as uint16 bit patterns, each chunk with a checksum."""
    codec = {} if compression == "none" else _zstd()
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        for site, tensor in activations.items():
            array = _to_stored(tensor, dtype)
            # As many chunks as needed, all of one size: HDF5 stores the last one whole, filled or not.
            chunks = math.ceil(array.nbytes / CHUNK_BYTES)
            chunk = math.ceil(len(array) / max(1, chunks))
            data = file.create_dataset(
                f"activations/{site}", data=array, chunks=(chunk, array.shape[1]), fletcher32=True, **codec
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


def _zstd() -> Mapping[str, Any]:
    # With several threads Blosc stores blocks in the order in which they were done: other bytes each time.
    os.environ["BLOSC_NTHREADS"] = "1"
    codec = _blosc2()
    return codec(cname="zstd", clevel=5, filters=codec.SHUFFLE)


def _blosc2() -> Any:
    """Import the codec, which makes it known to HDF5; only here, since plain shards do without."""
    import hdf5plugin

    return hdf5plugin.Blosc2


def site_data(file: h5py.File, site: str) -> h5py.Dataset:
    """Return the data of a site (row, width), as stored, ready to be read."""
    data = file[f"activations/{site}"]
    if data.id.get_create_plist().get_filter_by_id(BLOSC2) is not None:
        _blosc2()
    return data


def read_slab(data: h5py.Dataset, begin: int, end: int) -> Tensor:
    """Read rows `begin` to `end` of a site's data as a tensor (row, width) of the stored type.

    Where CUDA is present the tensor is pinned, which makes its copy to a GPU faster.
    """
    # torch's allocator of pinned memory hands the blocks of tensors that are no longer used to new ones, as the C
    # library does (see compute.py), so that a slab costs no fresh memory and its owner need not give it back.
    dtype = getattr(torch, data.attrs["dtype"])
    rows = torch.empty(end - begin, data.shape[1], dtype=dtype, pin_memory=torch.cuda.is_available())
    stored = rows.view(torch.uint16) if dtype == torch.bfloat16 else rows
    data.read_direct(stored.numpy(), np.s_[begin:end])
    return rows


def read_origins(path: Path) -> Rows:
    """Read where each row of a shard comes from; raises StudyError for a shard of an older version."""
    with h5py.File(path) as file:
        if "sequence" not in file:
            raise StudyError(f"{path}: an older version wrote it, without /sequence; delete it and run again")
        return Rows(**{name: file[name][:] for name in Rows.__annotations__})


def read_shard_statistics(path: Path, site: str) -> SiteStatistics:
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
