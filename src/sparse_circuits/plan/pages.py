"""What a study's pages show and consist of: known before anything is computed, so that rules can name the files."""

from collections.abc import Iterable
from itertools import product

from sparse_circuits.plan.figures import figure_files, figures_of, weight_figures_of
from sparse_circuits.plan.paths import SAE, TRAINED_MODEL, WHOLE_MODEL, Paths
from sparse_circuits.plan.study_paths import files
from sparse_circuits.plan.weight_paths import WeightSparsePaths
from sparse_circuits.report.contents import (
    circuit_data,
    circuit_page,
    figures_and_assets,
    graph_data,
    graph_page,
    sae_data,
)


def shown_by(paths: Paths) -> dict[str, list[str]]:
    """Return what a study has to show, by the name of the rule's input."""
    study = paths.study
    return {
        "saes": paths.sae_evaluations,
        "circuits": paths.of_circuits("circuit.json"),
        "interpretations": [*paths.descriptions, *paths.labels],
        "edits": paths.edit_evaluations,
        "claims": [paths.verdicts] if study.claims else [],
        "graphs": paths.graphs,
    }


def artefacts_of(paths: Paths) -> list[str]:
    """Return what the pages list with its hash: what they show and were made of, and what else the study makes."""
    study = paths.study
    found = {
        *(path for shown in shown_by(paths).values() for path in shown),
        *figure_files(paths, figures_of(paths)),
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


def weight_artefacts(paths: WeightSparsePaths) -> list[str]:
    """Return what the pages of a study of weight-sparse transformers list with its hash."""
    study = paths.study
    found = {
        *figure_files(paths, weight_figures_of(paths)),
        *(path for model in study.models for path in files(paths.transformer(model), TRAINED_MODEL)),
        paths.sequences,
        *paths.pairs(study.tasks),
        *(path for name in ("circuit", "pruning") for path in paths.of_pruned(f"{name}.json", study.models)),
        *paths.of_pruned("explanation.json", paths.sparse),
        paths.frontier,
        *paths.carried,
    }
    return sorted(found)


def weight_pages_of(paths: WeightSparsePaths) -> list[str]:
    """Return all files of their pages."""
    circuits = product(paths.study.tasks, paths.study.frontier.sparse)
    return _pages(paths.report, circuits, [], weight_figures_of(paths))


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
