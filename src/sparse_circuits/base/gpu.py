"""Sharing the GPUs of one machine among processes: each takes one that no other holds."""

import fcntl
import os
import tempfile
from pathlib import Path

_held: list[int] = []  # open files, whose locks last as long as this process


def claim(count: int, folder: Path | None = None) -> int:
    """Return the number of one of `count` GPUs that no other process on this machine has claimed.

    The claim ends with the process, however it ends. When all are taken, GPUs are shared. Snakemake starts jobs side by
    side without telling them apart (on SLURM each job sees only its own GPU).
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    for number, name in enumerate(visible.split(",")[:count]):
        path = (folder or Path(tempfile.gettempdir())) / f"sparse-circuits-gpu-{os.getuid()}-{name}.lock"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        _held.append(file)
        return number
    return os.getpid() % count
