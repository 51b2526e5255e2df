"""Any artefact is loaded in one line, and importing the package costs nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sparse_circuits as sc
from conftest import ROOT
from report_study import make_report_study
from sparse_circuits.errors import StudyError


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sparse_circuits as sc, sys; assert sc.load; print('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "False"


def test_an_autoencoder_is_known_by_its_files() -> None:
    folder = ROOT / "tests/references/saelens/batchtopk"
    assert sc.load(folder).W_dec.shape[0] == json.loads((folder / "cfg.json").read_text())["d_sae"]


def test_circuits_and_edits_are_known_by_their_files(tmp_path: Path) -> None:
    found = make_report_study(tmp_path / "results")
    circuit = sc.load(found.circuits[0].parent)
    assert circuit.strongest(2) == ["resid_post.0/0", "resid_post.1/0"]
    assert circuit.evaluation["faithfulness"][1] == 0.5
    assert circuit.proof is None
    edit = sc.load(found.edits[0].parent)
    assert edit.evaluation["features"] == 1
    with pytest.raises(StudyError, match="no model keeps this edit"):
        edit.model()


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such file or folder"):
        sc.load(tmp_path / "nothing")
    with pytest.raises(StudyError, match="neither an autoencoder"):
        sc.load(tmp_path)
    (tmp_path / "weights.pt").touch()
    with pytest.raises(StudyError, match="not an artefact"):
        sc.load(str(tmp_path / "weights.pt"))
