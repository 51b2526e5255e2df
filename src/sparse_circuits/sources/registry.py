"""Fetching files: a list of alternatives tried in order, every byte checked against a known hash."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.source import Source
from sparse_circuits.sources import debian, file, hub, npm, pypi, url, wheels
from sparse_circuits.sources.archive import Unavailable

KINDS: dict[str, Callable[[Any, Path], None]] = {
    "hub": hub.fetch,
    "pypi": pypi.fetch,
    "wheels": wheels.fetch,
    "npm": npm.fetch,
    "debian": debian.fetch,
    "url": url.fetch,
    "file": file.fetch,
}


def fetch(sources: Sequence[Source], folder: Path, what: str) -> list[Path]:
    """Fetch the files of the first source that is available into `folder`; return their paths, sorted.

    `what` names the content in messages. Raises StudyError when no source is available, with each one's reason, and at
    once, without trying further, when a file has a wrong hash.
    """
    reasons = []
    for source in sources:
        try:
            KINDS[source.kind](source, folder)
        except Unavailable as reason:
            reasons.append(f"{source.kind}: {reason}")
        else:
            return sorted(path for path in folder.rglob("*") if path.is_file())
    raise StudyError(f"{what}: no source is available ({'; '.join(reasons)})")


@contextmanager
def fetched(sources: Sequence[Source], beside: Path, what: str) -> Iterator[list[Path]]:
    """Hold what `fetch` returns in a folder beside a path, which is removed afterwards."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside.parent, prefix=".fetch.") as folder:
        yield fetch(sources, Path(folder), what)
