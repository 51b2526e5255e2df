"""Turning fetched files into documents.jsonl: one {"id", "text"} a line, exact repeats left out."""

from collections.abc import Iterator
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_rows, read_text, write_jsonl
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.sources.parquet import read_parquet
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
        yield read_text(file)
    elif entry.format == "python":
        try:
            yield code_only(read_text(file))
        except (SyntaxError, ValueError, StudyError):  # templates of code, code of Python 2, bytes that are no text
            return
    else:
        rows = read_rows(file) if entry.format == "jsonl" else read_parquet(file, [entry.text_field])
        for where, row in rows:
            text = row.get(entry.text_field)
            if not isinstance(text, str):
                found = f"it holds {text!r}" if entry.text_field in row else f"it has {', '.join(row)}"
                raise StudyError(f"{where}: no text in field `{entry.text_field}`; {found}")
            yield text
