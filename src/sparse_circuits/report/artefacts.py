"""Where everything comes from: artefacts with their hashes and the commands that make them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sparse_circuits.artefacts.cache_manifest import CacheManifest
from sparse_circuits.base.files import sha256

ROOT = "results/"


def list_artefacts(paths: Sequence[Path], command: str) -> list[dict[str, str | int]]:
    """Return one row an artefact: its path from the repository's top, bytes, sha256, and the command that makes it.

    Args:
        paths: files under a folder results/, wherever that is; shards are told by their manifest.json, not read
        command: how Snakemake is called for this study, to which the path is added
    """
    rows = {row["path"]: row for path in paths for row in _rows(path, command)}
    return [rows[path] for path in sorted(rows)]


def _rows(path: Path, command: str) -> Iterator[dict[str, str | int]]:
    def row(name: str, size: int | None, digest: str) -> dict[str, str | int]:
        of_size = {} if size is None else {"bytes": size}
        return {"path": name, **of_size, "sha256": digest, "command": f"{command} {name}"}

    name = artefact_name(path)
    yield row(name, path.stat().st_size, sha256(path))
    if path.name == "manifest.json":
        for shard in CacheManifest.read(path).shards:
            yield row(f"{name.rpartition('/')[0]}/{shard.file}", None, shard.sha256)


def artefact_name(path: Path) -> str:
    """Return an artefact's path from the repository's top, also where results lie elsewhere."""
    whole = path.as_posix()
    found = whole.rfind(f"/{ROOT}")
    return whole if whole.startswith(ROOT) or found < 0 else whole[found + 1 :]
