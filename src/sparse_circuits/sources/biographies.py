"""Biographies with profession and gender: JSON lines of {"text", "profession", "gender"}.

Published ones are Bias in Bios (De-Arteaga et al. 2019, arXiv 1901.09451), whose rows name professions by number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_jsonl, write_jsonl
from sparse_circuits.sources.parquet import read_parquet

GENDERS = ("male", "female")  # Bias in Bios' 0 and 1
PROFESSIONS = (
    "accountant", "architect", "attorney", "chiropractor", "comedian", "composer", "dentist", "dietitian", "dj",
    "filmmaker", "interior_designer", "journalist", "model", "nurse", "painter", "paralegal", "pastor",
    "personal_trainer", "photographer", "physician", "poet", "professor", "psychologist", "rapper",
    "software_engineer", "surgeon", "teacher", "yoga_teacher",
)  # fmt: skip


@dataclass(frozen=True)
class Biography:
    """A text about somebody."""

    text: str
    profession: str
    gender: str


def read_bias_in_bios(files: Sequence[Path], professions: Sequence[str], each: int) -> Iterator[Biography]:
    """Yield the first `each` biographies of every profession and gender from Parquet files.

    Raises StudyError for a profession that is not among the 28, and for rows without text, profession or gender.
    """
    if unknown := [name for name in professions if name not in PROFESSIONS]:
        raise StudyError(f"{unknown[0]} is not among the professions of Bias in Bios: {', '.join(PROFESSIONS)}")
    left = {(name, gender): each for name in professions for gender in GENDERS}
    for file in files:
        for where, row in read_parquet(file, ["hard_text", "profession", "gender"]):
            group = _named(where, row, "profession", PROFESSIONS), _named(where, row, "gender", GENDERS)
            if not isinstance(row["hard_text"], str):
                raise StudyError(f"{where}: no text in column `hard_text`; it holds {row['hard_text']!r}")
            if left.get(group):
                left[group] -= 1
                yield Biography(row["hard_text"], *group)


def _named(where: str, row: Mapping[str, Any], column: str, names: Sequence[str]) -> str:
    """The name that a column of a row gives by its number."""
    number = row[column]
    if not isinstance(number, int) or not 0 <= number < len(names):
        raise StudyError(f"{where}: `{column}` must be a number from 0 to {len(names) - 1}, found {number!r}")
    return names[number]


def write_biographies(path: Path, biographies: Sequence[Biography]) -> None:
    """Publish biographies as JSON lines."""
    write_jsonl(path, [asdict(biography) for biography in biographies])


def read_biographies(path: Path) -> list[Biography]:
    """Read biographies."""
    return [Biography(**row) for row in read_jsonl(path)]
