"""Files of a Hugging Face Hub repository at a pinned commit (the address in HF_ENDPOINT, else the public hub)."""

import fnmatch
import hashlib
import shutil
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, RepoFile
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import sha256
from sparse_circuits.config.source import HubSource
from sparse_circuits.sources.archive import Unavailable

NOT_REACHED = (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, httpx2.HTTPError, OSError)


def fetch(source: HubSource, folder: Path) -> None:
    """Download the files that match the source's patterns.

    The commit pins the tree and the tree pins each file: by sha256 where the file is stored as a large file, by the git
    blob's sha1 elsewhere. Both are checked over the bytes that arrived. Of `main` the newest commit is taken, and
    printed.
    """
    hub = HfApi()
    where, revision = f"hub repository {source.repo} at {source.revision}", source.revision
    try:
        if revision == "main":
            revision = str(hub.repo_info(source.repo, revision=revision, repo_type=source.repo_type).sha)
            print(f"{where} is {revision}: write that as `revision`, so that the study means the same data next year")
        tree = hub.list_repo_tree(source.repo, recursive=True, revision=revision, repo_type=source.repo_type)
        entries = [entry for entry in tree if isinstance(entry, RepoFile)]
    except NOT_REACHED as error:
        raise Unavailable(f"{where}: {str(error).splitlines()[0]}") from None
    for pattern in source.files:
        if not any(fnmatch.fnmatch(entry.path, pattern) for entry in entries):
            raise StudyError(f"{where}: no file matches {pattern}")
    for entry in entries:
        if not any(fnmatch.fnmatch(entry.path, pattern) for pattern in source.files):
            continue
        try:
            path = hub.hf_hub_download(
                source.repo, entry.path, revision=revision, repo_type=source.repo_type, local_dir=folder
            )
        except NOT_REACHED as error:
            raise Unavailable(f"{where}: {str(error).splitlines()[0]}") from None
        _check(Path(path), entry, where)
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def _check(path: Path, entry: RepoFile, where: str) -> None:
    if entry.lfs is not None:
        kind, expected, found = "sha256", entry.lfs.sha256, sha256(path)
    else:
        data = path.read_bytes()
        kind, expected = "git blob", entry.blob_id
        found = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if found != expected:
        path.unlink()
        raise StudyError(f"{where}, file {entry.path}: wrong {kind} hash, expected {expected}, found {found}")
