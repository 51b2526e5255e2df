"""One file behind an address, or several in a folder there."""

import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from sparse_circuits.base.files import check_sha256, publishing
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.source import UrlSource
from sparse_circuits.sources.archive import Unavailable

TIMEOUT_SECONDS = 60


def fetch(source: UrlSource, folder: Path) -> None:
    """Download the file, or each of the `files` in the folder behind the address."""
    if source.files is None:
        _download(source.url, folder, source.sha256)
    for name in source.files or []:
        _download(f"{source.url.rstrip('/')}/{name}", folder, None)


def _download(url: str, folder: Path, digest: str | None) -> None:
    """Download a file; it appears in `folder`, by the last part of its address, once its sha256, if any, is right."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "file"
    with publishing(folder / name) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, temporary.open("wb") as file:
                size = int(answer.headers.get("Content-Length") or 0) or None
                with Progress.wrapattr(file, "write", total=size, desc=name, unit_scale=True) as counted:
                    shutil.copyfileobj(answer, counted)
        except (urllib.error.URLError, TimeoutError) as error:
            raise Unavailable(f"{url}: {error}") from None
        if digest:
            check_sha256(temporary, digest, url)
