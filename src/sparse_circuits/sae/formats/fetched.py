"""Finding a format's files among those that were fetched."""

from pathlib import Path

from sparse_circuits.base.errors import StudyError


def one(files: list[Path], pattern: str) -> Path:
    """Return the one file whose name is `pattern` (`cfg.json`, `*.npz`); raise StudyError for none, or several."""
    matching = [file for file in files if file.match(pattern)]
    if len(matching) != 1:
        found = f"found {len(matching)} among {', '.join(file.name for file in files)}"
        raise StudyError(f"expected one file {pattern}, {found}; list the files of one autoencoder")
    return matching[0]
