"""What a result may depend on beside its spec: processor, GPU, versions. Nothing that names a host or a person."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RAN_ON = "ran on: "  # begins the line of a job's log that holds what `describe` returns, as JSON
PACKAGES = ("sparse-circuits", "torch", "transformers", "tokenizers", "numpy", "h5py", "safetensors", "scikit-learn")


def cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def describe() -> dict[str, Any]:
    """Return the facts of this machine as JSON values, without importing what they are about."""
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "gpus": gpu_names(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
