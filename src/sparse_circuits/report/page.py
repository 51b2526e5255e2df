"""The static pages of a study: one folder that opens from disk and stands on any web host."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sparse_circuits.files import publishing, read_json, write_json
from sparse_circuits.report.artefacts import list_artefacts
from sparse_circuits.report.circuit_graph import circuit_graph
from sparse_circuits.report.contents import HERE, OURS, VENDORED, circuit_data, circuit_page, sae_data
from sparse_circuits.report.features import sae_features
from sparse_circuits.report.nodes import read_notes
from sparse_circuits.report.summary import WANTED, show, summarise

CAPTIONS = {
    "sae_quality": "Autoencoders on held-out text: active features, variance left unexplained, loss recovered.",
    "training": "Training of the autoencoders.",
    "pareto": "What sparsity costs: variance left unexplained and loss recovered over the number of active features.",
    "faithfulness": (
        "Faithfulness of circuits, and of what is left without them, over circuit size on held-out pairs. "
        "Band: 95 % bootstrap interval over pairs."
    ),
    "stability": "How much of each circuit stays when its pairs are drawn anew.",
    "overlap_methods": "How many of the best nodes several methods of attribution share, on the headline task.",
    "overlap_tasks": "How many of the best nodes tasks share.",
    "counterfactuals": (
        "Average images of the two sides of each task, and images changed as little as makes the model see the other "
        "side, with their logit differences in nats."
    ),
    "twins": "Edges of the smallest circuits of a model with almost all weights zero, and of its dense twin.",
    "shift": "A classifier that learnt gender for profession, and what is left of that after each repair.",
}


@dataclass(frozen=True)
class Found:
    """The files that a study's page shows; each list in the order of the page."""

    study: str
    headline_task: str
    saes: Sequence[Path]  # evaluation.json, with the autoencoder's other files beside it
    circuits: Sequence[Path]  # circuit.json, with evaluation.json and, where there is one, proof.json beside it
    interpretations: Sequence[Path]  # <site>.json, then <site>.labels.json
    edits: Sequence[Path]  # evaluation.json
    claims: Sequence[Path]  # none or one
    figures: Sequence[Path]  # PNG files, with SVG and CSV beside them
    artefacts: Sequence[Path]  # files to list with their hashes
    command: str  # how Snakemake is called for the study; a path follows
    images: Path | None = None  # HDF5 file of a corpus of images


def write_pages(found: Found, folder: Path) -> dict[str, Any]:
    """Publish the pages of a study in `folder`, with all that they load, and return the study's main numbers."""
    circuits = [
        {
            "circuit": read_json(path),
            "evaluation": read_json(path.with_name("evaluation.json")),
            "proof": read_json(proof) if (proof := path.with_name("proof.json")) in found.artefacts else None,
        }
        for path in found.circuits
    ]
    saes = [read_json(path) for path in found.saes]
    summary = summarise(found.study, found.headline_task, saes, [item["evaluation"] for item in circuits])
    notes = read_notes([item["circuit"] for item in circuits], found.interpretations, found.images)
    write = _writer(found, circuits, folder)

    write("index.html", "overview.html.j2", summary=summary, wanted=WANTED, figures=_figures(found.figures, folder))
    for item in circuits:
        name = (item["circuit"]["task"], item["circuit"]["basis"])
        graph = circuit_graph(item["circuit"], item["evaluation"], notes)
        _write_data(folder / circuit_data(*name), "circuit", graph)
        write(circuit_page(*name), "circuit.html.j2", data=circuit_data(*name), graph=graph, **item)
    listed = [(path.parent.parent.name, path.parent.name) for path in found.saes]
    for path, sae in zip(found.saes, listed, strict=True):
        _write_data(folder / sae_data(*sae), "sae", sae_features(path.parent, notes))
    if found.saes:
        write("saes.html", "saes.html.j2", saes=[(*sae, sae_data(*sae)) for sae in listed], rows=summary["saes"])
    if found.edits:
        edits = [{"name": path.parent.name, **read_json(path)} for path in found.edits]
        write("edits.html", "edits.html.j2", edits=[_edit(edit) for edit in edits])
    for path in found.claims:
        write("claims.html", "claims.html.j2", claims=read_json(path)["claims"])
    _write_data(folder / "data/artefacts.js", "artefacts", list_artefacts(found.artefacts, found.command))
    write("provenance.html", "provenance.html.j2")
    _copy_assets(folder / "assets")
    write_json(folder / "summary.json", summary)
    return summary


def _writer(found: Found, circuits: Sequence[Mapping[str, Any]], folder: Path) -> Any:
    """Return a function that publishes one page from its template."""
    environment = Environment(
        loader=PackageLoader("sparse_circuits.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["show"] = show
    named = [(item["circuit"]["task"], item["circuit"]["basis"]) for item in circuits]
    pages = {
        "index.html": "Overview",
        **{circuit_page(*name): f"{name[0]}, {name[1]}" for name in named},
        **({"saes.html": "Autoencoders"} if found.saes else {}),
        **({"edits.html": "Edits"} if found.edits else {}),
        **({"claims.html": "Claims"} if found.claims else {}),
        "provenance.html": "Provenance",
    }

    def write(name: str, template: str, **facts: Any) -> None:
        html = environment.get_template(template).render(study=found.study, pages=pages, page=name, **facts)
        _publish(folder / name, html)

    return write


def _write_data(path: Path, key: str, data: Any) -> None:
    """Publish data as a script, since a page opened from disk may not fetch files; `<` is escaped all the same."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    _publish(path, f"(window.REPORT ??= {{}}).{key} = {text};\n")


def _publish(path: Path, text: str) -> None:
    with publishing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _figures(figures: Sequence[Path], folder: Path) -> list[dict[str, str]]:
    """Copy the figures to the page and return what it says of each."""
    shown = []
    for figure in figures:
        for suffix in (".svg", ".png", ".csv"):
            _copy(figure.with_suffix(suffix), folder / "figures" / f"{figure.stem}{suffix}")
        shown.append({"stem": f"figures/{figure.stem}", "caption": _caption(figure.stem)})
    return shown


def _copy_assets(folder: Path) -> None:
    for name in OURS:
        _copy(HERE / "assets" / name, folder / name)
    for name in VENDORED:
        _copy(HERE / "vendor" / name, folder / "vendor" / name)


def _copy(source: Path, target: Path) -> None:
    with publishing(target) as temporary:
        shutil.copyfile(source, temporary)


def _caption(stem: str) -> str:
    kind, _, name = stem.partition("_")
    if kind == "circuit":
        return (
            f"The circuit of {name}. Rows are sites from the input up; a node shows its number, its score in nats of "
            "logit difference, and the tokens it promotes most; the strongest nodes and edges are drawn."
        )
    return f"What the edit {name} changes, beside its baselines." if kind == "edit" else CAPTIONS.get(stem, stem)


def _edit(edit: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of an edit: a table of numbers by variant, and texts cut where they part."""
    variants = {
        "before": edit["before"],
        "hooked": edit["hooked"],
        **({"permanent": edit["permanent"]} if edit.get("permanent") else {}),
        **edit["baselines"],
    }
    metrics = [name for name, value in edit["before"].items() if isinstance(value, int | float)]
    texts = []
    for item in edit.get("continuations", []):
        versions = {name: item[name] for name in ("before", "hooked", "permanent") if name in item}
        texts.append({"prompt": item["prompt"], "versions": _parted(versions)})
    return {**edit, "variants": variants, "metrics": metrics, "texts": texts}


def _parted(versions: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Cut texts where they begin to differ from the first: (the same, the rest)."""
    first = next(iter(versions.values()))
    result = {}
    for name, text in versions.items():
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, text, strict=False)))
        result[name] = (text[:same], text[same:])
    return result
