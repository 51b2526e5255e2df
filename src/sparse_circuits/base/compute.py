"""Where tensors live and how fast they multiply: the one place that chooses device, threads and precision."""

import contextlib
import ctypes
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.gpu import claim


@dataclass(frozen=True)
class Compute:
    """Where a step computes."""

    device: str = "auto"  # auto, cpu, cuda or cuda:N; auto takes CUDA where it is present
    threads: int = 1  # CPU threads of matrix products

    def start(self) -> torch.device:
        """Set threads and determinism up; return the device."""
        set_up(self.threads)
        return choose_device(self.device)


def choose_device(requested: str = "auto") -> torch.device:
    """Return the device to compute on, unless `requested` names one: a GPU that no other job holds, else the CPU."""
    if requested == "auto":
        gpus = torch.cuda.device_count()
        return torch.device("cuda", claim(gpus) if gpus > 1 else 0) if gpus else torch.device("cpu")
    try:
        device = torch.device(requested)
    except RuntimeError:
        raise StudyError(f"--device {requested}: no such device; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise StudyError(f"--device {requested}: this machine has {torch.cuda.device_count()} CUDA devices")
    return device


def set_up(threads: int) -> None:
    """Use `threads` CPU threads and only deterministic algorithms (same spec, same bytes); keep freed memory."""
    torch.set_num_threads(threads)
    _keep_freed_memory()
    # cuBLAS is deterministic only with a workspace of fixed size, and reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Deterministic mode would also fill every fresh tensor with NaN, for code that reads what it never wrote.
    settings: Any = torch.utils.deterministic  # sets the flag through its module's class, which type checkers miss
    settings.fill_uninitialized_memory = False


def _keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next tensor.

    By default glibc hands large blocks back to the kernel at once, and each fresh tensor pays for its pages anew: a
    fifth of a forward pass, a quarter of an encoder's product. Other C libraries are left as they are.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(trim_threshold, -1)
        mallopt(mmap_max, 0)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether bf16 matrix products are faster than fp32 ones (on CPUs: AVX512-BF16 or AMX).

    On CPUs never where SPARSE_CIRCUITS_CPU_BF16 is 0: machines with and without it then compute alike.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if os.environ.get("SPARSE_CIRCUITS_CPU_BF16") == "0":
        return False
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def matmul_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return a context in which matrix products run in bf16 where that is faster; all else stays fp32.

    What metrics are made of is computed outside of it (`exact`).
    """
    if has_fast_bfloat16(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def exact(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return a context in which matrix products are in the precision of what is multiplied, within any other one."""
    return torch.autocast(device.type, enabled=False)


def at_least_fp32(x: Tensor) -> Tensor:
    """Return x in fp32 where it is in bf16 or fp16, else as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
