"""The doctor says what is wrong with a machine and how to mend it, and nothing of what is well."""

from pathlib import Path

import pytest
import torch

from sparse_circuits import doctor
from sparse_circuits.doctor import GIB, Finding, format_findings


def test_what_is_wrong_is_told_with_how_to_mend_it(tmp_path: Path) -> None:
    found = [
        doctor.check_python((3, 9, 2)),
        doctor.check_packages(["torch", "no-such-package"]),
        doctor.check_disk(tmp_path, wanted=10**30),
        doctor.check_memory(free=GIB),
        doctor.check_gpu(["NVIDIA H100"], "2.13.0+cpu"),
        doctor.check_dvc_remote(tmp_path),
    ]
    assert [finding.state for finding in found] == ["problem", "problem", "problem", "warning", "warning", "warning"]
    assert all(finding.mend for finding in found)
    assert "no-such-package" in found[1].says
    assert "mem_mb=1024" in found[3].mend


def test_what_is_well_needs_no_mending(tmp_path: Path) -> None:
    found = [
        doctor.check_python((3, 11, 0)),
        doctor.check_packages(["torch"]),
        doctor.check_disk(tmp_path, wanted=1),
        doctor.check_memory(free=64 * GIB),
        doctor.check_gpu([]),
        doctor.check_gpu(["NVIDIA H100"], "2.13.0+cu130", lambda: None),
    ]
    assert [(finding.state, finding.mend) for finding in found] == [("ok", "")] * len(found)


def test_a_gpu_that_does_not_start_is_told_with_what_torch_says() -> None:
    """On this machine CUDA either starts, or torch says why it does not."""
    found = doctor.check_gpu(["NVIDIA H100"], "2.13.0+cu130")
    assert (found.state == "ok") == torch.cuda.is_available()
    if not torch.cuda.is_available():
        assert "CUDA does not start: " in found.says
        assert len(found.says.splitlines()) == 1


def test_a_finished_study_needs_no_disk_for_itself(tmp_path: Path) -> None:
    (tmp_path / "results/report").mkdir(parents=True)
    assert doctor.check_disk(tmp_path, wanted=10**30).state == "ok"


def test_a_remote_whose_plugin_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    remote = far\n['remote \"far\"']\n    url = gs://bucket\n")
    found = doctor.check_dvc_remote(tmp_path)
    assert found.state == "problem"
    assert found.mend == "pip install dvc-gs"


def test_a_remote_that_is_a_folder_must_be_there(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    remote = here\n['remote \"here\"']\n    url = ../store\n")
    assert doctor.check_dvc_remote(tmp_path).state == "problem"
    (tmp_path / "store").mkdir()
    assert doctor.check_dvc_remote(tmp_path).state == "ok"


def test_slurm_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_slurm().state == "ok"
    for name, text in (("sbatch", ""), ("sinfo", "echo no controller >&2; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    found = doctor.check_slurm()
    assert found.state == "warning"
    assert "no controller" in found.says


def test_only_problems_make_the_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    from sparse_circuits.__main__ import doctor_command

    monkeypatch.setattr(doctor, "CHECKS", (lambda: Finding("disk", "warning", "small", "tidy up"),))
    doctor_command()
    assert "mend: tidy up" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "CHECKS", (lambda: Finding("disk", "problem", "full", "tidy up"),))
    with pytest.raises(SystemExit) as ended:
        doctor_command()
    assert ended.value.code == 1
    assert "problem" in format_findings(doctor.examine())
