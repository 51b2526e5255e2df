"""Files at the edges of the library: published atomically, hashed, written the same way every time."""

import csv
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sparse_circuits.base.errors import StudyError

# What files that are no UTF-8 text begin with.
MARKS = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PAR1": "Parquet"}
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Half characters, which labels by language models may hold, as JSON escapes them.
SURROGATES: Literal["backslashreplace"] = "backslashreplace"

Folder = Path  # of a step's files: given by its folder


class ByFolder(dict[str, Path]):
    """Paths by their names or, `up` levels up, by that of a folder above; to ask for another name is a StudyError."""

    def __init__(self, paths: Iterable[Path], up: int = 0) -> None:
        super().__init__(((path, *path.parents)[up].name, path) for path in paths)

    def __missing__(self, name: str) -> Path:
        raise StudyError(f"nothing of {name} is given; there is {', '.join(self) or 'nothing'}")


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


def read_text(path: Path) -> str:
    """Read a text file, UTF-8 with or without a byte order mark; raise StudyError with file and line for any other."""
    if not path.is_file():
        raise StudyError(f"{path}: no such file")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text(path, data.count(b"\n", 0, error.start) + 1, data) from None
    if "\0" in text:
        raise _no_text(path, text.count("\n", 0, text.index("\0")) + 1, data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _no_text(path: Path, line: int, data: bytes) -> StudyError:
    known = next((f", but {kind}" for mark, kind in MARKS.items() if data.startswith(mark)), "")
    return StudyError(f"{path}:{line}: not UTF-8 text{known}; bring the file as UTF-8, unpacked")


def read_json(path: Path) -> Any:
    """Read a JSON file; raise StudyError that names it when it is missing or broken."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise StudyError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None


def write_json(path: Path, data: Any) -> None:
    """Publish `data` as JSON; NaN and infinity, which JSON does not have, raise ValueError."""
    with publishing(path) as temporary:
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        temporary.write_text(text, encoding="utf-8", errors=SURROGATES)


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON-lines file, UTF-8 with or without a byte order mark, each with its file and line.

    Lines that are blank are passed over. Raises StudyError with file and line for one that is no object, or whose text
    has half a character (a lone surrogate).
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise _no_text(path, number, line) from None
            if not text.strip():
                continue
            try:
                row = json.loads(text)
                if "\\u" in text:  # escapes alone make lone surrogates
                    json.dumps(row, ensure_ascii=False).encode()
            except json.JSONDecodeError as error:
                raise StudyError(f"{where}: not JSON ({error.msg})") from None
            except UnicodeEncodeError as error:
                half = ascii(error.object[error.start])
                raise StudyError(f"{where}: {half} is half a character (a lone surrogate)") from None
            except (ValueError, RecursionError) as error:
                raise StudyError(f"{where}: cannot be read ({error})") from None
            if not isinstance(row, dict):
                raise StudyError(f'{where}: expected an object such as {{"key": "value"}}, found {_short(row)}')
            yield where, row


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:76]} ..."


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file; raise StudyError with file and line when one is broken."""
    return (row for _, row in read_rows(path))


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
