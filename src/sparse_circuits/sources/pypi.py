"""Files inside a package of the Python Package Index."""

import sys
from pathlib import Path

from sparse_circuits.config.source import PackageSource, Wheel
from sparse_circuits.sources.archive import fetch_package, untar, unzip


def fetch(source: PackageSource, folder: Path) -> None:
    """Fetch the wheel, or the source archive where there is no wheel, with pip."""
    fetch_package(source, folder, download(source), _unpack)


def download(source: PackageSource | Wheel) -> list[str]:
    """Return the command that has pip download a package's file, without what it depends on."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    return [*pip, "--dest", ".", f"{source.package}=={source.version}"]


def _unpack(archive: Path, folder: Path) -> None:
    (unzip if archive.suffix in (".whl", ".zip") else untar)(archive, folder)
