"""The static page of a study."""

import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sparse_circuits.files import publishing
from sparse_circuits.report.summary import WANTED, show

CAPTIONS = {
    "sae_quality": "Autoencoders on held-out text: active features, variance left unexplained, loss recovered.",
    "training": "Training of the autoencoders.",
    "faithfulness": (
        "Faithfulness of circuits, and of what is left without them, over circuit size on held-out pairs. "
        "Band: 95 % bootstrap interval over pairs."
    ),
}


def write_page(summary: dict[str, Any], figures: list[Path], page: Path) -> None:
    """Publish the page; figures are linked by paths relative to it."""
    environment = Environment(
        loader=PackageLoader("sparse_circuits.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["show"] = show
    shown = [
        {
            "png": os.path.relpath(figure, page.parent),
            "svg": os.path.relpath(figure.with_suffix(".svg"), page.parent),
            "csv": os.path.relpath(figure.with_suffix(".csv"), page.parent),
            "caption": CAPTIONS.get(figure.stem, _circuit_caption(figure.stem)),
        }
        for figure in figures
    ]
    html = environment.get_template("page.html.j2").render(summary=summary, figures=shown, wanted=WANTED)
    with publishing(page) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _circuit_caption(stem: str) -> str:
    task = stem.removeprefix("circuit_")
    return (
        f"The circuit of {task}. Rows are sites from the input up; a node shows its number, its score in nats of logit "
        "difference, and the tokens it promotes most; the strongest nodes and edges are drawn."
    )
