"""What all command-line programs share: flags from a dataclass, threads and device set, errors in one line."""

import errno
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from sparse_circuits.clone import check_library
from sparse_circuits.errors import StudyError
from sparse_circuits.machine import RAN_ON, describe_machine


@dataclass(frozen=True)
class Compute:
    """Where to compute."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where it is present"""
    threads: int = 1
    """CPU threads of matrix products"""


def print_any_text() -> None:
    """Have standard output escape what its encoding cannot write, instead of failing after the work."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a StudyError, and a file or folder that may not be read or written, into one line and exit status 1."""
    try:
        yield
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None


def program(main: Callable[[Any], None], arguments: type[Any]) -> None:
    """Parse the command line as `arguments`, a dataclass, say where this runs, and call `main`."""
    print_any_text()
    options = tyro.cli(arguments, description=sys.modules["__main__"].__doc__, config=(tyro.conf.OmitArgPrefixes,))
    print(RAN_ON + json.dumps(describe_machine()), file=sys.stderr, flush=True)
    with one_line_errors():
        check_library(Path(sys.argv[0]).resolve().parents[1])
        main(options)
