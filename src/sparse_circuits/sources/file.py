"""Files that already lie on this machine."""

import shutil
from pathlib import Path

from sparse_circuits.base.files import check_sha256
from sparse_circuits.config.source import FileSource
from sparse_circuits.sources.archive import Unavailable


def fetch(source: FileSource, folder: Path) -> None:
    """Check the files where they lie and copy them."""
    for name, digest in source.files.items():
        path = Path(source.folder, name)
        if not path.is_file():
            raise Unavailable(f"{path}: no such file")
        check_sha256(path, digest, str(path))
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
