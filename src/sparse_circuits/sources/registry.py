"""Fetching files: a list of alternatives tried in order, every byte checked against a known hash."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sparse_circuits.config.source import Source
from sparse_circuits.errors import StudyError
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
