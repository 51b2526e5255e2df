"""What a study draws."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from sparse_circuits.plan.paths import Paths
from sparse_circuits.plan.study_paths import StudyPaths, files
from sparse_circuits.plan.weight_paths import WeightSparsePaths

SUFFIXES = (".svg", ".png", ".csv")


@dataclass(frozen=True)
class Figure:
    """A figure: its kind, of those that figures/registry.py lists, and the files that it is drawn from."""

    kind: str
    data: list[str]


def figures_of(paths: Paths) -> dict[str, Figure]:
    """Return the figures of a study of autoencoders by name, in the order of the page."""
    study = paths.study
    shown = {task: paths.circuit(task, paths.shown_basis) for task in study.tasks}
    headline, methods = shown[study.headline_task], study.circuits.compared_methods
    nodes = paths.pictures or paths.descriptions
    return _drawn(
        {
            "sae_quality": Figure("sae_quality", paths.sae_evaluations),
            "training": Figure("training", [f"{folder}/training.csv" for folder in paths.sae_folders]),
            # What sparsity costs can be drawn where several autoencoders share a site.
            "pareto": Figure(
                "pareto",
                [
                    f"{paths.sae(name, sae)}/evaluation.json"
                    for name, place in study.places.items()
                    for sae in place.saes
                    if len(place.saes) > 1
                ],
            ),
            "faithfulness": Figure("faithfulness", paths.of_circuits("evaluation.json")),
            "stability": Figure("stability", paths.proofs),
            # How far methods agree on the nodes of the headline task, and tasks on their nodes.
            "overlap_methods": Figure(
                "overlap",
                [f"{headline}/{name}.h5" for name in ("scores", *(f"scores_by/{method}" for method in methods))]
                if methods
                else [],
            ),
            "overlap_tasks": Figure(
                "overlap", [f"{folder}/scores.h5" for folder in shown.values()] if len(shown) > 1 else []
            ),
            **{f"circuit_{task}": Figure("circuit", [f"{shown[task]}/circuit.json", *nodes]) for task in shown},
            **{
                f"strips_{task}": Figure("strips", [f"{shown[task]}/circuit.json", *paths.pictures])
                for task in (shown if paths.pictures else [])
            },
            **{f"edit_{edit}": Figure("edit", [f"{paths.edits}/{edit}/evaluation.json"]) for edit in study.edits},
            "shift": Figure("shift", [paths.shift] if study.shift else []),
            "counterfactuals": Figure("counterfactuals", paths.counterfactuals),
            "twins": Figure("twins", [paths.frontier] if study.twin else []),
        }
    )


def weight_figures_of(paths: WeightSparsePaths) -> dict[str, Figure]:
    """Return the figures of a study of weight-sparse transformers by name, in the order of the page."""
    task = paths.study.headline_task
    return _drawn(
        {
            "frontier": Figure("frontier", [paths.frontier]),
            **{
                f"circuit_{task}_{model}": Figure(
                    "weight_circuit", files(paths.circuit(task, model), ("circuit.json", "explanation.json"))
                )
                for model in paths.sparse
            },
            "carried": Figure("carried", paths.carried),
        }
    )


def figure_files(paths: StudyPaths, figures: Iterable[str], suffixes: Iterable[str] = SUFFIXES) -> list[str]:
    """Return the files of figures: drawings, and the data behind them."""
    return [f"{paths.figures}/{name}{suffix}" for name, suffix in product(figures, suffixes)]


def _drawn(figures: dict[str, Figure]) -> dict[str, Figure]:
    """Those that there are files for."""
    return {name: figure for name, figure in figures.items() if figure.data}
