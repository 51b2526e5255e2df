"""The figures that the documentation's gallery shows, one of each kind, from the studies that the tests run."""

from pathlib import Path

from PIL import Image

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


def in_gallery(figure: Path) -> Image.Image:
    """Return a figure's PNG as the gallery shows it: small, of few colours."""
    with Image.open(figure) as image:
        shown = image.convert("RGB")
    shown.thumbnail((WIDTH, WIDTH * 2))
    return shown.quantize(COLOURS)
