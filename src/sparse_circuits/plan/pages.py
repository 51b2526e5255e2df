"""What a study's pages show and consist of: known before anything is computed, so that rules can name the files."""

from collections.abc import Iterable
from itertools import product

from sparse_circuits.plan.figures import figures_of, weight_figures_of
from sparse_circuits.plan.paths import SAE, WHOLE_MODEL, Paths, files
from sparse_circuits.report.contents import (
    circuit_data,
    circuit_page,
    figures_and_assets,
    graph_data,
    graph_page,
    sae_data,
)
from sparse_circuits.studies.weight_sparse import WeightSparseStudy


def shown_by(paths: Paths) -> dict[str, list[str]]:
    """Return what a study has to show, by the name of the rule's input."""
    study = paths.study
    return {
        "saes": paths.sae_evaluations,
        "circuits": paths.of_circuits("circuit.json"),
        "interpretations": [*paths.descriptions, *paths.labels],
        "edits": paths.edit_evaluations,
        "claims": [f"results/claims/{study.study}.json"] if study.claims else [],
        "graphs": paths.graphs,
    }


def made_by(paths: Paths) -> list[str]:
    """Return what else is listed with its hash: what the pages were made of, and what else the study makes."""
    study = paths.study
    found = {
        *files(paths.model, WHOLE_MODEL),
        paths.corpus,
        *(files(paths.cache, ("manifest.json", "stats.json")) if paths.sae_folders else []),
        *([paths.accuracy] if study.corpus_entry.photographs else []),
        *(path for folder in paths.sae_folders for path in files(folder, SAE)),
        *paths.pairs({**study.tasks, **study.behaviours}),
        *(path for figure in figures_of(paths).values() for path in figure.data),
        *(path for name in ("circuit", "evaluation") for path in paths.of_circuits(f"{name}.json")),
        *paths.minimal_circuits,
        *(path for edit in study.edits for path in (*paths.selection(edit), *paths.permanent(edit))),
    }
    if study.twin:
        compared = [*paths.sparse, *paths.dense]
        found |= {*paths.losses(compared), *paths.of_pruned("pruning.json", compared)}
    return sorted(found)


def pages_of(paths: Paths) -> list[str]:
    """Return all files of a study's pages, index.html and summary.json first."""
    study, shown = paths.study, shown_by(paths)
    saes = [(name, sae) for name, place in study.places.items() for sae in place.saes]
    others = [
        *(graph_page(name) for name in study.graphs),
        *(graph_data(name) for name in study.graphs),
        *(f"{name}.html" for name in ("saes", "edits", "claims") if shown[name]),
        *(sae_data(*sae) for sae in saes),
    ]
    return _pages(paths.report, product(study.tasks, study.circuits.bases), others, figures_of(paths))


def weight_pages_of(study: WeightSparseStudy, folder: str) -> list[str]:
    """Return the same of a study of weight-sparse transformers, whose pages lie in `folder`."""
    return _pages(folder, product(study.tasks, study.frontier.sparse), [], weight_figures_of(study))


def _pages(
    folder: str, circuits: Iterable[tuple[str, str]], others: Iterable[str], figures: Iterable[str]
) -> list[str]:
    return files(
        folder,
        [
            "index.html",
            "summary.json",
            *(name(*circuit) for circuit in circuits for name in (circuit_page, circuit_data)),
            *others,
            "provenance.html",
            "data/artefacts.js",
            *figures_and_assets(figures),
        ],
    )
