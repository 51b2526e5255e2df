"""What a result may depend on beside its spec: processor, GPU, versions. Nothing that names a host or a person."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

RAN_ON = "ran on: "  # begins the line of a job's log that holds what `describe_machine` returns, as JSON
PACKAGES = (
    "sparse-circuits", "torch", "transformers", "tokenizers", "numpy", "h5py", "hdf5plugin", "safetensors",
    "scikit-learn",
)  # fmt: skip


def cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory(groups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return how many bytes this process may still take: of the machine, and of the control groups that it is in.

    Clusters and containers hold a job to its share of the machine by such groups (Linux, version 2).
    """
    free = int(psutil.virtual_memory().available)
    names = membership.read_text(encoding="utf-8").splitlines() if membership.exists() else []
    for name in names:
        group = groups / name.removeprefix("0::/")
        for folder in (group, *group.parents):
            try:
                limit, used = (int((folder / file).read_text()) for file in ("memory.max", "memory.current"))
            except (OSError, ValueError):
                continue  # no such control, or "max": no limit
            free = min(free, max(0, limit - used))
    return free


def cpu_name() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """Return the names of the NVIDIA GPUs, as the driver gives them."""
    lines = (line for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")) for line in path.open())
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")]


def describe_machine() -> dict[str, Any]:
    """Return the facts of this machine as JSON values, without importing what they are about."""
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "gpus": gpu_names(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name))},
    }


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
