"""How far a long job is, its rate and the time left: a bar on a terminal, a line every half minute in a log."""

import sys
from typing import Any, TextIO

from tqdm import tqdm

EVERY = 30.0  # seconds between lines of a log; a job that takes less leaves none
LINE = "{desc}: {percentage:.0f} %, {n_fmt} of {total_fmt} {unit}, {rate_fmt}, {elapsed} gone, {remaining} left"


class Progress(tqdm):
    """tqdm, which on a terminal is as ever."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        if not sys.stderr.isatty():
            log = {"file": _Lines(sys.stderr), "mininterval": EVERY, "delay": EVERY, "bar_format": LINE}
            settings = {**log, **settings}
        super().__init__(*arguments, **settings)


class _Lines:
    """A stream on which what a bar draws over itself stands as lines."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self.stream.write(line + "\n")

    def flush(self) -> None:
        self.stream.flush()
