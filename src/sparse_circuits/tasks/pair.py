"""Pairs of prompts and their file format."""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_rows, write_jsonl


@dataclass(frozen=True)
class Pair:
    """A prompt, its counterpart that differs in one fact, and the tokens that each calls for next."""

    id: str
    clean: str
    patch: str
    answers: list[str]
    patch_answers: list[str]
    variables: dict[str, Any] = field(default_factory=dict)


def write_pairs(path: Path, pairs: list[Pair]) -> None:
    """Publish pairs as JSON lines."""
    write_jsonl(path, [asdict(pair) for pair in pairs])


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs from JSON lines; raise StudyError with file and line for a missing, unknown or mistyped field."""
    return _checked(path.stem, str(path), read_rows(path))


def pairs_of(given: Path | str | Sequence[Pair | Mapping[str, Any]]) -> list[Pair]:
    """Return pairs, the objects of a list with their fields as keys, or the lines of a file; errors as `read_pairs`."""
    if isinstance(given, Path | str):
        return read_pairs(Path(given))
    if isinstance(given, Mapping | Pair) or not all(isinstance(pair, Mapping | Pair) for pair in given):
        expected = "a file, or a list of pairs: mappings with `clean`, `patch`, `answers` and `patch_answers`"
        raise StudyError(f"pairs: expected {expected}; found {reprlib.repr(given)}")
    rows = [asdict(pair) if isinstance(pair, Pair) else dict(pair) for pair in given]
    return _checked("pair", "pairs", ((f"pair {number}", row) for number, row in enumerate(rows, 1)))


def _checked(name: str, origin: str, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[Pair]:
    kinds = {"id": str, "clean": str, "patch": str, "answers": list, "patch_answers": list, "variables": dict}
    pairs = []
    for number, (where, row) in enumerate(rows, 1):
        row = {"id": f"{name}-{number:04d}", "variables": {}, **row}
        for key in row.keys() - kinds.keys():
            raise StudyError(f"{where}: unknown field `{key}`; fields are {', '.join(kinds)}")
        for key, kind in kinds.items():
            value = row.get(key)
            texts = kind is not list or (value and all(isinstance(item, str) for item in value))
            if not isinstance(value, kind) or not texts:
                wanted = {str: "a text", list: "a list of one text or more", dict: "a mapping"}[kind]
                raise StudyError(f"{where}: field `{key}` must be {wanted}, found {value!r}")
        if shared := set(row["answers"]) & set(row["patch_answers"]):
            raise StudyError(f"{where}: `answers` and `patch_answers` share {sorted(shared)}")
        pairs.append(Pair(**row))
    if not pairs:
        raise StudyError(f"{origin}: no pairs in it")
    return pairs
