"""What a study draws follows from its settings alone."""

from pathlib import Path

import pytest

from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.figures.registry import FIGURES
from sparse_circuits.plan.figures import figures_of
from sparse_circuits.plan.of_study import plan_of
from sparse_circuits.studies.load import load_study
from worlds.checkout import ROOT
from worlds.studies import paths_of

TESTED = [ROOT / f"config/test/{name}.yaml" for name in ("study", "vision", "code")]
STUDIES = [*sorted((ROOT / "config/studies").glob("*.yaml")), *TESTED]


def test_a_study_without_a_part_has_no_figure_of_it() -> None:
    drawn = figures_of(paths_of("study"))
    assert list(drawn) == [
        *("sae_quality", "training", "faithfulness", "stability", "overlap_methods", "overlap_tasks"),
        *("circuit_nounpp", "circuit_own"),
    ]
    folder = "results/circuits/test/nounpp/features"
    methods = ("scores_by/attribution_patching", "scores_by/relp")
    assert drawn["overlap_methods"].data == [f"{folder}/{name}.h5" for name in ("scores", *methods)]
    assert drawn["stability"].data == [
        f"results/circuits/test/{task}/features/proof.json" for task in ("nounpp", "own")
    ]


def test_nodes_of_images_are_drawn_with_the_images() -> None:
    drawn = figures_of(paths_of("vision"))
    corpus = "results/corpora/shapes/images.h5"
    described = [f"results/interpretations/test-vision/resid_post.{layer}.json" for layer in (0, 1)]
    for kind in ("circuit", "strips"):
        assert drawn[f"{kind}_corner"].data[1:] == [corpus, *described]
    assert {"pareto", "edit_corner", "counterfactuals", "twins"} < drawn.keys()


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_figure_is_of_a_kind_that_can_be_drawn(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    drawn = plan_of(load_study(read_yaml(path))).figures
    assert drawn
    assert {figure.kind for figure in drawn.values()} <= FIGURES.keys()
