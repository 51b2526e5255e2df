"""Files at the edges of the library: published atomically, hashed, written the same way every time."""

import csv
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sparse_circuits.errors import StudyError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Half characters, which labels by language models may hold, as JSON escapes them.
SURROGATES: Literal["backslashreplace"] = "backslashreplace"


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; when the block ends well, sync it and rename it to `path`.

    A process killed inside the block leaves `path` as it was. A full disk raises StudyError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _sync(temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        if (number := _errno(error)) in NO_SPACE:
            raise StudyError(f"{path}: {os.strerror(number)}; nothing was written") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _errno(error: OSError | RuntimeError) -> int:
    """The number of a system's error; HDF5 tells it in the text only."""
    told = re.search(r"errno = (\d+)", str(error))
    return getattr(error, "errno", None) or (int(told.group(1)) if told else 0)


@contextmanager
def publishing_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`; when the block ends well, move each of its files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield temporary
        for file in sorted(p for p in temporary.rglob("*") if p.is_file()):
            _sync(file)
            target = folder / file.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.chmod(0o644)
            os.replace(file, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    """Return the md5 of a file's bytes, in hexadecimal: what DVC tells files apart by, no proof against forgery."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_sha256(path: Path, expected: str, what: str) -> None:
    """Raise StudyError unless the bytes of `path` have the sha256 `expected`; `what` names them in the message."""
    found = sha256(path)
    if found != expected:
        raise StudyError(f"{what}: wrong sha256, expected {expected}, found {found}; the file was not used")


def read_json(path: Path) -> Any:
    """Read a JSON file; raise StudyError that names it when it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise StudyError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None


def write_json(path: Path, data: Any) -> None:
    """Publish `data` as JSON; NaN and infinity, which JSON does not have, raise ValueError."""
    with publishing(path) as temporary:
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        temporary.write_text(text, encoding="utf-8", errors=SURROGATES)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file; raise StudyError with file and line when one is broken."""
    if not path.is_file():
        raise StudyError(f"{path}: no such file")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise StudyError(f"{path}:{number}: not JSON ({error.msg})") from None


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Publish one JSON object a line."""
    with publishing(path) as temporary, temporary.open("w", encoding="utf-8", errors=SURROGATES) as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Publish rows with the columns of the first one."""
    with publishing(path) as temporary, temporary.open("w", newline="", encoding="utf-8", errors=SURROGATES) as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
