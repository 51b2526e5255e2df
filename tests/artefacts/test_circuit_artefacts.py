"""Files of circuits: what is read is written again as the same bytes, and a file of another release is told."""

from pathlib import Path

import pytest

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.artefacts.interpretation import Interpretation
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json
from worlds.artefact_example import example
from worlds.report_study import make_report_study

FINISHED = {
    "circuits/*/*/*/circuit.json": ScoredCircuit,
    "circuits/*/*/*/evaluation.json": CircuitEvaluation,
    "circuits/*/*/*/proof.json": CircuitProof,
    "graphs/*/*/graph.json": PromptGraph,
    "interpretations/*/*.json": Interpretation,
}


def test_files_of_a_report_are_written_again_as_they_were(tmp_path: Path) -> None:
    make_report_study(tmp_path / "results")
    _same_again(tmp_path / "results", tmp_path)


def test_results_are_written_again_as_they_were(finished: Path, tmp_path: Path) -> None:
    assert _same_again(finished / "results", tmp_path) == set(FINISHED)
    for path in (finished / "results").glob("circuits/*/*/*/evaluation.json"):
        CircuitEvaluation.read(path).write_table(tmp_path / "curves.csv")
        assert (tmp_path / "curves.csv").read_bytes() == path.with_name("curves.csv").read_bytes()


def _same_again(results: Path, folder: Path) -> set[str]:
    met = set()
    for pattern, kind in FINISHED.items():
        for path in results.glob(pattern):
            read = kind.read(path)
            assert read.plain() == read_json(path)
            read.write(folder / "again.json")
            assert kind.read(folder / "again.json") == read
            met.add(pattern)
    return met


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"metric_gap": None}, r"\(`metric_gap`: input should be a valid number\)"),
        ({"colour": "red"}, r"\(`colour`: extra inputs are not permitted\)"),
        ({"schema": 2}, r"\(layout 2, this release reads 1\)"),
    ],
)
def test_a_file_of_another_release_says_how_to_make_it_anew(
    change: dict[str, object], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "circuit.json"
    write_json(path, {**example(ScoredCircuit).plain(), **change})
    with pytest.raises(
        StudyError, match=f"not what this release's rule find_circuit writes {told}; make it anew: snake"
    ):
        ScoredCircuit.read(path)


def test_a_file_without_a_key_says_which(tmp_path: Path) -> None:
    write_json(tmp_path / "proof.json", {"effects": {}})
    with pytest.raises(StudyError, match=r"rule prove_circuit writes \(`stability`: field required\)"):
        CircuitProof.read(tmp_path / "proof.json")
