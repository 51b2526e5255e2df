"""The report's pages: the same bytes from the same artefacts, and nothing of an artefact read as HTML."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.study_summary import StudySummary
from sparse_circuits.base.files import sha256
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.plan.pages import pages_of, weight_pages_of
from sparse_circuits.plan.paths import Paths
from sparse_circuits.plan.weight_paths import WeightSparsePaths
from sparse_circuits.report.circuit_graph import prompt_graph
from sparse_circuits.report.contents import HERE, VENDORED
from sparse_circuits.report.page import write_pages
from sparse_circuits.report.remarks import remarks
from sparse_circuits.report.summary import format_summary
from sparse_circuits.report.weights import write_weight_pages
from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy
from worlds.artefact_example import example
from worlds.checkout import ROOT
from worlds.report_study import found_weights, make_report_study

CHROMIUM = shutil.which("chromium")
WIDTHS = (1280, 390)


def written(report_folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(report_folder)): path.read_bytes() for path in report_folder.rglob("*") if path.is_file()
    }


def but_figures(paths: Iterable[str], folder: str = "") -> set[str]:
    """The files of pages, as they lie in their folder: all but the figures, which the study names."""
    return {name for path in paths if not (name := path.removeprefix(f"{folder}/")).startswith("figures/")}


def test_the_workflow_knows_every_file_of_the_pages_before_they_are_written(report_folder: Path) -> None:
    test = Study.model_validate(read_yaml(ROOT / "config/test/study.yaml"))
    circuits = test.circuits.model_copy(update={"neurons": None})
    told = {"study": "s", "tasks": {"<task>": test.tasks["own"]}, "headline_task": "<task>", "circuits": circuits}
    study = test.model_copy(update={**told, "edits": {"gentle": None}, "claims": "claims.yaml"})
    assert but_figures(pages_of(Paths(study)), "results/report/s") == but_figures(written(report_folder))


def test_the_same_artefacts_give_the_same_bytes_wherever_they_lie(report_folder: Path, tmp_path: Path) -> None:
    write_pages(make_report_study(tmp_path / "results"), "s", "<task>", tmp_path / "page")
    assert written(tmp_path / "page") == written(report_folder)


def test_nothing_of_an_artefact_is_html(report_folder: Path) -> None:
    for name, content in written(report_folder).items():
        if not name.startswith("assets/"):
            assert b"<img src=x" not in content, name


def test_pages_load_nothing_from_elsewhere(report_folder: Path) -> None:
    for path in report_folder.glob("*.html"):
        loaded = re.findall(r'(?:src|href)="([^"]*)"', path.read_text())
        assert not [name for name in loaded if "//" in name or name.startswith("/")]


@pytest.mark.parametrize("folder", [HERE / "vendor", ROOT / "tests/report/browser/vendor"], ids=["report", "viewer"])
def test_vendored_libraries_are_those_that_the_list_names(folder: Path) -> None:
    listed = dict(re.findall(r"\| `([\w.-]+)` .*\| (\w{64}) \|", (folder / "README.md").read_text()))
    assert {path.name: sha256(path) for path in folder.glob("*.*") if path.suffix not in (".md", ".LICENSE")} == listed


def test_the_pages_ship_all_that_is_vendored_for_them() -> None:
    assert set(VENDORED) == {path.name for path in (HERE / "vendor").iterdir()} - {"README.md"}


def test_the_pages_of_weight_sparse_models_tell_what_was_found(tmp_path: Path) -> None:
    summary = write_weight_pages(found_weights(tmp_path / "results"), "w", tmp_path / "page")
    solved, hard = summary.tasks
    assert (solved.edges, solved.circuit, solved.whole) == (1, 0.1, 0.01)
    assert summary.numbers == {"tasks of 2 with a circuit in sparse": 1, "edges of the middle one in sparse": 1}
    assert "edges of the middle one in sparse    1\n" in format_summary(summary, "index.html")
    assert (hard.solved, hard.edges, hard.circuit) == (False, None, None)
    index = (tmp_path / "page/index.html").read_text()
    assert 'href="circuit_quote_sparse.html"' in index
    assert 'href="circuit_hard_sparse.html"' not in index
    assert "No circuit of this model" in (tmp_path / "page/circuit_hard_sparse.html").read_text()
    assert "</script><img" not in (tmp_path / "page/data/circuit_quote_sparse.js").read_text()
    test = WeightSparseStudy.model_validate(read_yaml(ROOT / "config/test/code.yaml"))
    study = test.model_copy(update={"tasks": ["quote", "hard"]})
    assert but_figures(weight_pages_of(WeightSparsePaths(study)), "results/report/test-code") == but_figures(
        written(tmp_path / "page")
    )


def test_an_attribution_graph_is_wrapped_to_lines(tmp_path: Path) -> None:
    """Ten features at one site and position take two lines, above them is the output; no two stand in one place."""
    found = make_report_study(tmp_path / "results")
    graph = prompt_graph(PromptGraph.read(found.graphs[0]), {})
    places = {node["id"]: (node["row"], node["column"]) for node in graph["nodes"]}
    assert len(set(places.values())) == len(places)
    assert graph["rows"] == ["embed", "resid_post.0", "output"]
    assert graph["lines"] == [0, 1, 3]
    assert {row for name, (row, _) in places.items() if name.startswith("resid_post")} == {1, 2}
    assert places["token@0"][1] < min(column for name, (_, column) in places.items() if name.endswith("@1"))
    ((source, target, weight),) = graph["edges"]
    assert (graph["nodes"][source]["id"], graph["nodes"][target]["id"], weight) == ("token@0", "resid_post.0/3@1", -1)


def test_a_poor_circuit_is_called_so_and_a_good_one_is_not() -> None:
    tests = {"equivalence": {"finding": "for"}, "minimality": {"finding": "for"}}
    controls = {"nonsense": 0.01, "shuffled": 0.1, "fail_as_they_should": True}
    neurons = {"circuit": {"faithfulness": 0.9}, "accuracy": {"model": 0.97, "circuit": 0.95}}
    good = {**neurons, "errors_alone": 0.05, "controls": controls, "tests": tests}
    assert remarks(example(CircuitEvaluation, **good)) == []
    assert remarks(example(CircuitEvaluation, **neurons)) == [], "neurons have no errors, and no proof"
    for spoiled, words in (
        ({"circuit": {"faithfulness": 0.52}}, "the circuit is poor: its faithfulness is 0.52"),
        ({"accuracy": {"model": 0.97, "circuit": 0.53}}, "the circuit alone is right on 53%, the model on 97%"),
        ({"errors_alone": 0.6}, "error nodes alone have 0.60 of the faithfulness"),
        ({"controls": {**controls, "shuffled": 0.4, "fail_as_they_should": False}}, "0.40 with shuffled labels"),
        ({"tests": {**tests, "minimality": {"finding": "against"}}}, "tests speak against it: minimality"),
        ({"tests": {**tests, "partial_necessity": {"finding": "undecided"}}}, "tests do not tell: partial necessity"),
    ):
        (remark,) = remarks(example(CircuitEvaluation, **{**good, **spoiled}))
        assert words in remark


def test_what_speaks_against_a_circuit_stands_in_the_terminal_and_on_its_page(report_folder: Path) -> None:
    summary = StudySummary.read(report_folder / "summary.json")
    (told,) = [row.remarks for row in summary.tasks]
    assert told
    text, index, page = (
        format_summary(summary, "index.html"),
        (report_folder / "index.html").read_text(),
        (report_folder / "circuit_<task>_features.html").read_text(),
    )
    for remark in told:
        assert f"<task>, features: {remark}\n" in text
        assert remark[1:] in index
        assert remark[1:] in page
