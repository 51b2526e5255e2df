"""Sharing the GPUs of one machine among processes: each takes one that no other holds."""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []  # open files, whose locks last as long as this process


def claim(count: int, folder: Path | None = None) -> int:
    """Return the number of one of `count` GPUs that no other process on this machine has claimed.

    The claim ends with the process, however it ends. When all are taken, GPUs are shared. Snakemake starts jobs side by
    side without telling them apart (on SLURM each job sees only its own GPU).
    """
    names = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name] or list(
        map(str, range(count))
    )
    for number in range(count):
        path = (folder or Path(tempfile.gettempdir())) / f"sparse-circuits-gpu-{os.getuid()}-{names[number]}.lock"
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _held.append(file)
        return number
    return os.getpid() % count
