"""Finding a format's files among those that were fetched."""

from pathlib import Path

from sparse_circuits.errors import StudyError


def one(files: list[Path], ending: str) -> Path:
    """Return the one file whose name ends in `ending`; raise StudyError when there is none, or several."""
    matching = [file for file in files if file.name.endswith(ending)]
    if len(matching) != 1:
        found = f"found {len(matching)} among {', '.join(file.name for file in files)}"
        raise StudyError(f"expected one file {ending}, {found}; list the files of one autoencoder")
    return matching[0]
