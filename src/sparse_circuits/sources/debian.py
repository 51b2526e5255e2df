"""Files inside a Debian package."""

from pathlib import Path

from sparse_circuits.config.source import PackageSource
from sparse_circuits.sources.archive import fetch_package, run_client


def fetch(source: PackageSource, folder: Path) -> None:
    """Fetch the package with apt (whose lists must be current: `apt-get update`) and unpack it with dpkg-deb."""
    command = ["apt-get", "-o", "APT::Sandbox::User=root", "download", f"{source.package}={source.version}"]
    fetch_package(source, folder, command, _unpack)


def _unpack(archive: Path, folder: Path) -> None:
    run_client(["dpkg-deb", "--extract", str(archive.absolute()), str(folder.absolute())], folder)
