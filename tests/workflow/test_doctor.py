"""The doctor says what is wrong with a machine and how to mend it, and nothing of what is well."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sparse_circuits import doctor
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import write_json
from sparse_circuits.doctor import GIB, Finding, format_findings
from sparse_circuits.plan.needs import job_memory, parameters_at_most
from worlds.checkout import ROOT


def test_what_is_wrong_is_told_with_how_to_mend_it(tmp_path: Path) -> None:
    found = [
        doctor.check_python((3, 9, 2)),
        doctor.check_packages(["torch", "no-such-package"]),
        doctor.check_disk_space(tmp_path, wanted=10**30),
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
        doctor.check_disk_space(tmp_path, wanted=1),
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
    assert doctor.check_disk_space(tmp_path, wanted=10**30).state == "ok"


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


def test_a_study_is_told_that_does_not_fit_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemma-2-2B at all layers: 78 sites of width 2,304 in bf16 of 500 million tokens are 180 TB."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(doctor, "free_memory", lambda: 16 * GIB)
    told = {
        finding.name: finding for finding in doctor.examine(Path("config/studies/paper/gemma_2_2b_all_layers.yaml"))
    }
    assert told["disk"].state == "problem"
    assert "gemma-2-2b-all-layers takes 167," in told["disk"].says
    assert told["memory"].state == "warning"
    assert "gemma-2-2b-all-layers takes up to 32.0 GiB" in told["memory"].says
    small = {finding.name: finding.state for finding in doctor.examine(Path("config/test/study.yaml"))}
    assert (small["disk"], small["memory"]) == ("ok", "ok")


def test_a_model_whose_sizes_are_not_known_yet_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its config.json says them once it is fetched."""
    models = (ROOT / "config/models.yaml").read_text()
    (tmp_path / "models.yaml").write_text(models.replace("    d_model: 576\n", ""))
    study = tmp_path / "study.yaml"
    study.write_text((ROOT / "config/studies/language.yaml").read_text() + f"models_file: {tmp_path}/models.yaml\n")
    for folder in ("config", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"smollm2-135m-instruct has no `d_model`.*fetch the model first: snakemake"):
        doctor.examine(study)
    fetched = tmp_path / "results/models/smollm2-135m-instruct"
    fetched.mkdir(parents=True)
    write_json(fetched / "config.json", {"hidden_size": 576, "num_hidden_layers": 30})
    assert {finding.name for finding in doctor.examine(study)} >= {"disk", "memory"}


def test_memory_of_a_job_follows_from_the_weights_that_it_loads(tmp_path: Path) -> None:
    """Bytes in fp32, whatever the file has: of 262,144 tokens of width 640 in bf16, 671 MB."""
    model, sae = tmp_path / "model.safetensors", tmp_path / "sae_weights.safetensors"
    header = {
        "__metadata__": {"format": "pt"},
        "embed": {"dtype": "BF16", "shape": [262_144, 640], "data_offsets": [0, 0]},
    }
    text = json.dumps(header).encode()
    model.write_bytes(len(text).to_bytes(8, "little") + text)
    save_file({"W_enc": torch.zeros(250, 1000), "b_dec": torch.zeros(250)}, sae)
    others = [str(tmp_path / "config.json"), str(tmp_path / "later.safetensors")]
    assert job_memory(5000, [str(model), *others]) == 5672
    assert job_memory(5000, [str(model), str(sae)], copies=2) == 5000 + 1345
    assert job_memory(5000, others) == 5000


def test_a_model_is_bounded_before_it_is_fetched() -> None:
    assert 135e6 < parameters_at_most(30, 576) < 1e9
    assert 268e6 < parameters_at_most(18, 640) < 1e9  # Gemma-3-270M
    assert 2.6e9 < parameters_at_most(26, 2304) < 4e9  # Gemma-2-2B
