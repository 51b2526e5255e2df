"""Turning fetched files into documents.jsonl: one {"id", "text"} a line, exact repeats left out."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet

from sparse_circuits.config import Dataset
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_jsonl, write_jsonl
from sparse_circuits.sources.python_code import code_only


def write_documents(name: str, entry: Dataset, files: list[Path], path: Path) -> int:
    """Write the documents of `files` in their order; return how many there are."""
    texts = dict.fromkeys(text.strip() for file in files for text in _texts(file, entry))
    texts.pop("", None)
    if not texts:
        raise StudyError(f"corpus {name}: no documents in {', '.join(file.name for file in files)}")
    write_jsonl(path, [{"id": f"{name}-{number:07d}", "text": text} for number, text in enumerate(texts)])
    return len(texts)


def _texts(file: Path, entry: Dataset) -> Iterator[str]:
    if entry.format == "text":
        yield file.read_text(encoding="utf-8")
    elif entry.format == "python":
        try:
            yield code_only(file.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):  # templates of code, code of Python 2, bytes that are no text
            return
    elif entry.format == "jsonl":
        for number, row in enumerate(read_jsonl(file), 1):
            if not isinstance(row.get(entry.text_field), str):
                raise StudyError(
                    f"{file.name}:{number}: no text in field `{entry.text_field}`; it has {', '.join(row)}"
                )
            yield row[entry.text_field]
    else:
        table = parquet.ParquetFile(file)
        if entry.text_field not in table.schema_arrow.names:
            raise StudyError(f"{file.name}: no column `{entry.text_field}`; has {', '.join(table.schema_arrow.names)}")
        for batch in table.iter_batches(columns=[entry.text_field]):
            yield from batch.column(0).to_pylist()
