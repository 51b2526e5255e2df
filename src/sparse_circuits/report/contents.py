"""Which files a study's page is made of: known before anything is computed, so that the workflow can name them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OURS = ("report.css", "dom.js", "table.js", "panel.js", "circuit.js", "features.js", "artefacts.js")
VENDORED = tuple(
    sorted(path.name for path in (HERE / "vendor").iterdir() if path.suffix in (".js", ".css", ".LICENSE"))
)


@dataclass(frozen=True)
class Contents:
    """What a study has to show."""

    circuits: tuple[tuple[str, str], ...]  # task and basis
    saes: tuple[tuple[str, str], ...]  # place and name
    figures: tuple[str, ...]
    edits: bool
    claims: bool
    graphs: tuple[str, ...] = ()


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


def report_files(contents: Contents) -> list[str]:
    """Return the names of all files of the page, relative to its folder, index.html and summary.json first."""
    return [
        "index.html",
        "summary.json",
        *(circuit_page(*circuit) for circuit in contents.circuits),
        *(circuit_data(*circuit) for circuit in contents.circuits),
        *(graph_page(name) for name in contents.graphs),
        *(graph_data(name) for name in contents.graphs),
        *(["saes.html"] if contents.saes else []),
        *(sae_data(*sae) for sae in contents.saes),
        *(["edits.html"] if contents.edits else []),
        *(["claims.html"] if contents.claims else []),
        "provenance.html",
        "data/artefacts.js",
        *_figures_and_assets(contents.figures),
    ]


def weight_report_files(circuits: Sequence[tuple[str, str]], figures: Sequence[str]) -> list[str]:
    """Return the same of a study of weight-sparse transformers: `circuits` are tasks and models with a page."""
    return [
        "index.html",
        "summary.json",
        *(circuit_page(*circuit) for circuit in circuits),
        *(circuit_data(*circuit) for circuit in circuits),
        "provenance.html",
        "data/artefacts.js",
        *_figures_and_assets(figures),
    ]


def _figures_and_assets(figures: Sequence[str]) -> list[str]:
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
