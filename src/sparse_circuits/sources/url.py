"""One file behind an address."""

import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from sparse_circuits.config.source import UrlSource
from sparse_circuits.files import check_sha256, publishing
from sparse_circuits.sources.archive import Unavailable

TIMEOUT_SECONDS = 60


def fetch(source: UrlSource, folder: Path) -> None:
    """Download the file; it appears in `folder`, under the last part of its address, once its sha256 is right."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(source.url).path)).name or "file"
    with publishing(folder / name) as temporary:
        try:
            with urllib.request.urlopen(source.url, timeout=TIMEOUT_SECONDS) as answer, temporary.open("wb") as file:
                shutil.copyfileobj(answer, file)
        except (urllib.error.URLError, TimeoutError) as error:
            raise Unavailable(f"{source.url}: {error}") from None
        check_sha256(temporary, source.sha256, source.url)
