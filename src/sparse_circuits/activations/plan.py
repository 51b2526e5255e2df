"""What a cache will take, told before the first shard is computed."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from sparse_circuits.activations.shard import Dtype
from sparse_circuits.artefacts.cache_plan import CachePlan
from sparse_circuits.base.errors import StudyError


def plan_cache(rows: int, widths: Mapping[str, int], dtype: Dtype) -> CachePlan:
    """Plan a cache of `rows` rows at sites {site: width}."""
    stored: torch.dtype = getattr(torch, dtype)
    return CachePlan(rows=rows, widths=dict(widths), bytes=rows * sum(widths.values()) * stored.itemsize)


def check_disk(plan: CachePlan, folder: Path) -> None:
    """Raise StudyError with need and free space when the cache takes more than the disk of `folder` has."""
    free = shutil.disk_usage(folder).free
    if plan.bytes > free:
        raise StudyError(
            f"{folder}: the activations take {gigabytes(plan.bytes)}, free are {gigabytes(free)}; lower "
            "activations.tokens, name fewer sites, or make room"
        )


def gigabytes(count: int) -> str:
    """Return a number of bytes in words."""
    return f"{count / 1e9:,.2f} GB"
