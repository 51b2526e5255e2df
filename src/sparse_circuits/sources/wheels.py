"""Python source code: all .py files of some wheels of the Python Package Index."""

import shutil
import tempfile
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import check_sha256
from sparse_circuits.config.source import Wheel, WheelsSource
from sparse_circuits.sources.archive import Unavailable, run_client, unzip
from sparse_circuits.sources.pypi import download


def fetch(source: WheelsSource, folder: Path) -> None:
    """Fetch each wheel with pip and put its .py files into a folder named after the package."""
    for wheel in source.packages:
        _fetch(wheel, folder)


def _fetch(wheel: Wheel, folder: Path) -> None:
    name = f"wheel of {wheel.package} {wheel.version}"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        fetched, unpacked = Path(temporary, "fetched"), Path(temporary, "unpacked")
        fetched.mkdir()
        run_client(download(wheel), fetched)
        found = list(fetched.glob("*.whl"))
        if len(found) != 1:
            raise Unavailable(f"there is no {name}")
        check_sha256(found[0], wheel.sha256, f"{name} ({found[0].name})")
        unzip(found[0], unpacked)
        paths = sorted(unpacked.rglob("*.py"))
        if not paths:
            raise StudyError(f"{name}: no Python files inside")
        for path in paths:
            target = folder / wheel.package / path.relative_to(unpacked)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
