"""Recording never fails after all the work: a study's own artefacts are recorded, whatever else is here or is not."""

import contextlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.studies.load import load_study
from sparse_circuits.versions.graph import Job, JobGraph
from sparse_circuits.versions.record import record
from worlds.checkout import ROOT, STUDY, in_folder, ok


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository of git and DVC."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "-q"], check=True)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").touch()
    (folder / "study.yaml").write_text((ROOT / STUDY).read_text())
    return folder


def _job(name: str, *inputs: str) -> Job:
    log = Path(f"logs/{name}.log")
    return Job(name, "make", {}, inputs, (f"results/{name}",), f"make {name}", None, log, log.with_suffix(".tsv"))


def _made(*jobs: Job, seconds: float = 1.0) -> tuple[Job, ...]:
    for job in jobs:
        for path in (*job.outputs, job.benchmark):
            Path(path).parent.mkdir(exist_ok=True, parents=True)
        Path(job.outputs[0]).write_text(job.name)
        job.benchmark.write_text(f"s\n{seconds}\n")
    return jobs


def _graph(name: str, jobs: tuple[Job, ...], is_default: bool = False, path: Path = Path("study.yaml")) -> JobGraph:
    with contextlib.chdir(ROOT):
        settings = read_yaml(Path(STUDY)) | {"study": name}
        study = load_study(settings)
    return JobGraph(study, settings, path, is_default, jobs)


def _locked(path: str) -> set[str]:
    return {out["path"] for stage in yaml.safe_load(Path(path).read_text())["stages"].values() for out in stage["outs"]}


def test_a_study_is_recorded_where_what_the_default_study_made_is_not_here(repository: Path) -> None:
    default = _graph("default", _made(_job("model"), _job("circuit", "results/model")), is_default=True)
    record(default)
    before = Path("dvc.lock").read_bytes()
    for job in default.jobs:
        Path(job.outputs[0]).unlink()
    record(_graph("own", _made(_job("own_model"), _job("own_circuit", "results/own_model"))))
    assert Path("dvc.lock").read_bytes() == before
    assert _locked("dvc/own/dvc.lock") == {"results/own_model", "results/own_circuit"}


def test_studies_that_share_a_model_are_recorded_beside_each_other_in_any_order(repository: Path) -> None:
    (model,) = _made(_job("model"))
    for name in ("first", "second"):
        record(_graph(name, (model, *_made(_job(name, "results/model")))))
    record(_graph("second", (model, _job("second", "results/model")), is_default=True))
    assert _locked("dvc/first/dvc.lock") == {"results/model", "results/first"}
    assert _locked("dvc/second/dvc.lock") == {"results/second"}
    for name in ("first", "second"):
        jobs = json.loads(Path(f"provenance/{name}.json").read_text())["jobs"]
        assert all(jobs["model"]["outputs"].values())
        assert jobs[name]["inputs"] == jobs["model"]["outputs"]
    assert subprocess.run(["dvc", "status", "-q"], check=False).returncode == 0


def test_what_another_study_made_anew_is_recorded_for_both(repository: Path) -> None:
    (model,) = _made(_job("model"))
    record(_graph("first", (model, *_made(_job("one", "results/model")))))
    before = Path("dvc/first/dvc.lock").read_text()
    Path("results/model").unlink()
    Path("results/model").write_text("another")
    record(_graph("second", (model, *_made(_job("two", "results/model")))))
    assert Path("dvc/first/dvc.lock").read_text() != before
    assert subprocess.run(["dvc", "status", "-q", "dvc/second/dvc.yaml"], check=False).returncode == 0


def test_a_clone_without_shards_records_what_it_made(repository: Path) -> None:
    shard = _job("shard-00000.h5")
    graph = _graph("own", _made(shard, _job("sae", "results/shard-00000.h5")))
    record(graph)
    first = json.loads(Path("provenance/own.json").read_text())
    Path("results/shard-00000.h5").unlink()
    record(graph)
    assert json.loads(Path("provenance/own.json").read_text()) == first


def test_the_record_changes_only_with_what_was_made(repository: Path) -> None:
    """Times differ in every run; those of the run that made these bytes stand."""
    jobs = _made(_job("model"), _job("circuit", "results/model"))
    record(_graph("own", jobs))
    before = Path("provenance/own.json").read_bytes()
    record(_graph("own", _made(*jobs, seconds=2)))
    assert Path("provenance/own.json").read_bytes() == before
    Path("results/circuit").unlink()
    Path("results/circuit").write_text("another")
    record(_graph("own", jobs))
    made = json.loads(Path("provenance/own.json").read_text())["jobs"]
    assert {name: job["seconds"] for name, job in made.items()} == {"model": 1, "circuit": 2}
    record(_graph("own", (jobs[0], replace(jobs[1], command="another"))))
    assert json.loads(Path("provenance/own.json").read_text())["jobs"]["circuit"]["command"] == "another"


def test_files_from_elsewhere_are_recorded_by_their_place(repository: Path) -> None:
    """A study's file and its pairs may lie outside of the repository, and results and cache on another disk."""
    elsewhere = repository.parent / "pairs.jsonl"
    elsewhere.write_text("{}\n")
    for link in ("results", ".dvc/cache"):
        (repository.parent / "disk" / link).mkdir(parents=True)
        Path(link).symlink_to(repository.parent / "disk" / link)
    record(_graph("own", _made(_job("task", str(elsewhere))), path=Path("../study.yaml")))
    made = json.loads(Path("provenance/own.json").read_text())["jobs"]["task"]
    assert list(made["outputs"]) == ["results/task"]
    assert subprocess.run(["dvc", "status", "-q"], check=False).returncode == 0


@pytest.mark.parametrize("lacks", ["repository", "program"])
def test_a_study_is_recorded_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    """As from a ZIP, where no commit can be named."""
    if lacks == "repository":
        shutil.rmtree(".git")
    else:
        monkeypatch.setenv("PATH", "")
    record(_graph("own", _made(_job("task"))))
    assert json.loads(Path("provenance/own.json").read_text())["code"] is None
    assert _locked("dvc/own/dvc.lock") == {"results/task"}


def test_what_dvc_cannot_do_is_one_line(repository: Path) -> None:
    shutil.rmtree(".dvc")
    with pytest.raises(StudyError, match="DVC cannot record: you are not inside of a DVC repository"):
        record(_graph("own", _made(_job("task"))))


def test_two_clones_that_push_different_studies_do_not_clash(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = in_folder(Path())
    (repository / ".dvc/config").write_text(f"[core]\nremote = store\n['remote \"store\"']\nurl = {tmp_path}/store\n")
    (repository / ".gitignore").write_text("/results/\n/logs/\n/.dvc/cache\n/.dvc/tmp\n")
    (model,) = _made(_job("model"))
    record(_graph("default", (model,), is_default=True))

    def publish(name: str) -> None:
        ok(run("git", "add", "-A"))
        ok(run("git", "commit", "-qm", name))
        if name != "default":
            ok(run("git", "pull", "-q", "--rebase", "origin", "HEAD"))
        ok(run("dvc", "push", "-q"))
        ok(run("git", "push", "-q", "origin", "HEAD"))

    def clone(name: str) -> None:
        ok(run("git", "clone", "-q", tmp_path / "origin.git", tmp_path / name))
        monkeypatch.chdir(tmp_path / name)
        ok(run("dvc", "pull", "-q"))

    ok(run("git", "init", "-q", "--bare", tmp_path / "origin.git"))
    ok(run("git", "remote", "add", "origin", tmp_path / "origin.git"))
    publish("default")
    for name in ("first", "second"):
        clone(name)
        record(_graph(name, (model, *_made(_job(f"{name}_circuit", "results/model")))))
        assert subprocess.run(["dvc", "status", "-q"], check=False).returncode == 0
    for name in ("first", "second"):
        monkeypatch.chdir(tmp_path / name)
        publish(name)
    clone("third")
    assert {path.name: path.read_text() for path in Path("results").iterdir() if path.name[0] != "."} == {
        name: name for name in ("model", "first_circuit", "second_circuit")
    }
    assert subprocess.run(["dvc", "status", "-q"], check=False).returncode == 0
