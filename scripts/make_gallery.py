"""Take one figure of each kind from finished studies, small enough for the documentation."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing
from sparse_circuits.command import program
from sparse_circuits.figures.gallery import SHOWN, in_gallery


@dataclass(frozen=True)
class Gallery:
    figures: Path
    """folder of figures, with one folder a study"""
    folder: Path
    """where to write one PNG a kind"""


def main(args: Gallery) -> None:
    """Take one figure of each kind from finished studies, small enough for the documentation."""
    for kind, (study, name) in SHOWN.items():
        source = args.figures / study / f"{name}.png"
        if not source.is_file():
            raise StudyError(f"{source}: no such figure; run the study {study} first")
        with publishing(args.folder / f"{kind}.png") as temporary:
            in_gallery(source).save(temporary, format="png", optimize=True)
    print(f"{len(SHOWN)} figures in {args.folder}")


if __name__ == "__main__":
    program(main)
