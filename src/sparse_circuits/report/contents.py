"""What the files of a study's pages are called, and what the pages look like."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
OURS = ("report.css", "dom.js", "table.js", "panel.js", "circuit.js", "features.js", "artefacts.js")
VENDORED = tuple(
    sorted(path.name for path in (HERE / "vendor").iterdir() if path.suffix in (".js", ".css", ".LICENSE"))
)


def circuit_page(task: str, basis: str) -> str:
    """Return the name of a circuit's page."""
    return f"circuit_{task}_{basis}.html"


def circuit_data(task: str, basis: str) -> str:
    """Return the name of the file that holds a circuit's graph."""
    return f"data/circuit_{task}_{basis}.js"


def graph_page(name: str) -> str:
    """Return the name of an attribution graph's page."""
    return f"graph_{name}.html"


def graph_data(name: str) -> str:
    """Return the name of the file that holds an attribution graph."""
    return f"data/graph_{name}.js"


def sae_data(place: str, name: str) -> str:
    """Return the name of the file that holds an autoencoder's features."""
    return f"data/sae_{place}_{name}.js"


def figures_and_assets(figures: Iterable[str]) -> list[str]:
    """Return the names of what all pages load, given the names of the figures."""
    return [
        *(f"figures/{stem}{suffix}" for stem in figures for suffix in (".svg", ".png", ".csv")),
        *(f"assets/{name}" for name in OURS),
        *(f"assets/vendor/{name}" for name in VENDORED),
    ]


def appearance() -> str:
    """Return a hash of what the pages look like: templates, styles, scripts, vendored libraries."""
    digest = hashlib.sha256()
    for folder in ("templates", "assets", "vendor"):
        for path in sorted((HERE / folder).iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
