"""Rows of Parquet files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet

from sparse_circuits.base.errors import StudyError


def read_parquet(file: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of some columns, each with its file and row, counted from 1.

    Raises StudyError that names the file when it is no Parquet file, is damaged, or lacks a column.
    """
    number = 0
    try:
        table = parquet.ParquetFile(file)
        names = table.schema_arrow.names
        if missing := [column for column in columns if column not in names]:
            raise StudyError(f"{file.name}: no column `{missing[0]}`; has {', '.join(names)}")
        for batch in table.iter_batches(columns=list(columns)):
            for row in batch.to_pylist():
                number += 1
                yield f"{file.name}: row {number}", row
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"{file.name}: cannot be read as Parquet after row {number} ({reason})") from None
