"""Files inside a package of the npm registry."""

from pathlib import Path

from sparse_circuits.config.source import PackageSource
from sparse_circuits.sources.archive import fetch_package, untar


def fetch(source: PackageSource, folder: Path) -> None:
    """Fetch the package's archive with npm."""
    fetch_package(source, folder, ["npm", "pack", "--silent", f"{source.package}@{source.version}"], untar)
