"""Take one figure of each kind from finished studies, small enough for the documentation."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sparse_circuits.command import program
from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing

WIDTH = 900  # pixels, at most
COLOURS = 128

# Of which study, and under which name there, each kind of figure is shown.
SHOWN = {
    "sae_quality": ("test", "sae_quality"),
    "training": ("test-vision", "training"),
    "pareto": ("test-vision", "pareto"),
    "faithfulness": ("test-vision", "faithfulness"),
    "stability": ("test-vision", "stability"),
    "overlap": ("test", "overlap_methods"),
    "circuit": ("test-vision", "circuit_square_or_cross"),
    "strips": ("test-vision", "strips_square_or_cross"),
    "counterfactuals": ("test-vision", "counterfactuals"),
    "edit": ("test-vision", "edit_corner"),
    "twins": ("test-vision", "twins"),
    "frontier": ("test-code", "frontier"),
    "weight_circuit": ("test-code", "circuit_single_double_quote_sparse"),
    "carried": ("test-code", "carried"),
    "runtime": ("test", "runtime"),
}


@dataclass(frozen=True)
class Arguments:
    figures: Path
    """folder of figures, with one folder a study"""
    folder: Path
    """where to write one PNG a kind"""


def main(args: Arguments) -> None:
    for kind, (study, name) in SHOWN.items():
        source = args.figures / study / f"{name}.png"
        if not source.is_file():
            raise StudyError(f"{source}: no such figure; run the study {study} first")
        with Image.open(source) as image:
            shown = image.convert("RGB")
        shown.thumbnail((WIDTH, WIDTH * 2))
        with publishing(args.folder / f"{kind}.png") as temporary:
            shown.quantize(COLOURS).save(temporary, format="png", optimize=True)
    print(f"{len(SHOWN)} figures in {args.folder}")


if __name__ == "__main__":
    program(main, Arguments)
