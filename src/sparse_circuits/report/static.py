"""One folder of static pages: what every kind of study's pages have in common."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sparse_circuits.artefacts.study_summary import StudySummary
from sparse_circuits.base.files import SURROGATES, publishing
from sparse_circuits.base.wording import count
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.report.artefacts import list_artefacts
from sparse_circuits.report.contents import HERE, OURS, VENDORED
from sparse_circuits.report.summary import show

CAPTIONS = read_yaml(Path(__file__).with_suffix(".yaml"))  # of figures, by their kind


@dataclass(frozen=True)
class StaticPages:
    """The pages of a study, in the folder that they are written to.

    `pages` are titles by file name, as the head of each page lists them; a menu of pages stands under its own name.
    """

    study: str
    pages: Mapping[str, str | Mapping[str, str]]
    folder: Path

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=PackageLoader("sparse_circuits.report", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["show"] = lambda value: show(value).replace("-", "−")
        environment.filters["count"] = count
        return environment

    def write(self, name: str, template: str, **facts: Any) -> None:
        """Publish one page from its template."""
        html = self._environment.get_template(template).render(study=self.study, pages=self.pages, page=name, **facts)
        _publish(self.folder / name, html)

    def data(self, name: str, key: str, data: Any) -> None:
        """Publish data as a script, since a page opened from disk may not fetch files; `<` is escaped all the same."""
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        _publish(self.folder / name, f"(window.REPORT ??= {{}}).{key} = {text};\n")

    def figures(self, figures: Sequence[Path], circuit: str = CAPTIONS["circuit"]) -> list[dict[str, str]]:
        """Copy the figures to the pages and return what they say of each; `circuit` of all that draw one."""
        shown = []
        for figure in figures:
            for suffix in (".svg", ".png", ".csv"):
                _copy(figure.with_suffix(suffix), self.folder / "figures" / f"{figure.stem}{suffix}")
            shown.append({"stem": f"figures/{figure.stem}", "caption": caption(figure.stem, circuit)})
        return shown

    def finish(self, artefacts: Sequence[Path], command: str, summary: StudySummary) -> None:
        """Publish the page of artefacts, summary.json, and the styles, scripts and vendored libraries of all pages."""
        self.data("data/artefacts.js", "artefacts", list_artefacts(artefacts, command))
        self.write("provenance.html", "provenance.html.j2")
        summary.write(self.folder / "summary.json")
        for name in OURS:
            _copy(HERE / "assets" / name, self.folder / "assets" / name)
        for name in VENDORED:
            _copy(HERE / "vendor" / name, self.folder / "assets" / "vendor" / name)


def caption(stem: str, circuit: str) -> str:
    """Return what a page says of a figure."""
    kind, _, name = stem.partition("_")
    if kind == "circuit":
        return f"The circuit of {name}. {circuit}"
    if kind == "strips":
        return f"The strongest nodes of {name} with the images that each is most active on, warm where it is active."
    return f"What the edit {name} changes, beside its baselines." if kind == "edit" else CAPTIONS[stem]


def _publish(path: Path, text: str) -> None:
    with publishing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=SURROGATES)


def _copy(source: Path, target: Path) -> None:
    with publishing(target) as temporary:
        shutil.copyfile(source, temporary)
