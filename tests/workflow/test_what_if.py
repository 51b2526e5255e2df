"""What happens if ...: each row of the table in docs/how-to/versioning.md, tried on the test study."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from worlds.checkout import CIRCUIT, NOTHING, STUDY, edit, in_folder, ok, planned, shorten

SHARD = "results/activations/tiny-llama/words/shard-00000.h5"
AFTER_TRAINING = {
    "train_sae",
    "evaluate_sae",
    "score_nodes",
    "score_by_method",
    "find_circuit",
    "prove_circuit",
    "evaluate_circuit",
    "trace_prompt",
    "interpret_nodes",
    "plot_figure",
    "write_report",
    "record",
    "snapshot",
}


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A finished and recorded study to do things to."""
    shutil.copytree(finished, tmp_path / "study", symlinks=True)
    run = in_folder(tmp_path / "study")
    ok(run("git", "add", "-A"))
    ok(run("git", "commit", "-qm", "recorded"))
    return tmp_path / "study"


def _clean(folder: Path) -> bool:
    return in_folder(folder)("dvc", "status", "-q").returncode == 0


def test_switching_the_branch_and_restoring_runs_nothing(study: Path) -> None:
    run, circuit = in_folder(study), study / CIRCUIT
    before = circuit.read_bytes()
    ok(run("git", "checkout", "-qb", "other"))
    circuit.unlink()
    circuit.write_bytes(before + b"\n")
    ok(run("dvc", "commit", "-q", "-f", "--no-relink"))
    ok(run("git", "commit", "-qam", "another circuit"))
    ok(run("git", "checkout", "-q", "main"))
    ok(run("dvc", "checkout", "-q"))
    ok(run("dvc", "remote", "add", "-q", "-d", "--local", "store", study.parent / "store"))
    ok(run("sparse-circuits", "restore"))
    assert circuit.read_bytes() == before
    assert NOTHING in ok(run("snakemake", "-n", "snapshot"))
    assert _clean(study)


def test_figures_pulled_alone_can_be_seen_and_the_rest_isplanned(study: Path, tmp_path: Path) -> None:
    run = in_folder(study)
    ok(run("dvc", "remote", "add", "-q", "-d", "store", tmp_path / "store"))
    ok(run("dvc", "push", "-q"))
    ok(run("git", "commit", "-qam", "remote"))
    ok(run("git", "clone", "-q", study, tmp_path / "clone"))
    shutil.copytree(study / "tests/fixtures", tmp_path / "clone/tests/fixtures", dirs_exist_ok=True)
    ok(in_folder(tmp_path / "clone")("dvc", "pull", "-q", "results/figures/test/faithfulness.png"))
    figure = "results/figures/test/faithfulness.png"
    assert (tmp_path / "clone" / figure).read_bytes() == (study / figure).read_bytes()
    assert {"fetch_model", "train_sae", "write_report"} <= planned(tmp_path / "clone")


def test_a_deleted_intermediate_is_made_again_only_when_something_needs_it(study: Path) -> None:
    (study / SHARD).unlink()
    assert NOTHING in ok(in_folder(study)("snakemake", "-n", "snapshot"))
    assert not _clean(study)
    edit(study / STUDY, "k: 8", "k: 9")
    assert {"cache_activations"} | AFTER_TRAINING <= planned(study)


def test_an_edited_script_reruns_its_rule_and_what_follows(study: Path) -> None:
    edit(study / "src/sparse_circuits/steps/train_sae.py", '"prepend_bos": True', '"prepend_bos": False')
    assert planned(study) == AFTER_TRAINING
    assert not _clean(study)


def test_an_edited_comment_reruns_nothing(study: Path) -> None:
    with (study / "src/sparse_circuits/sae/train.py").open("a") as file:
        file.write("\n# A remark.\n")
    assert NOTHING in ok(in_folder(study)("snakemake", "-n", "snapshot"))
    assert _clean(study)


def test_an_edited_setting_reruns_what_depends_on_it(study: Path) -> None:
    edit(study / STUDY, "edge_threshold: 0.001", "edge_threshold: 0.002")
    assert planned(study) == AFTER_TRAINING - {
        *("train_sae", "evaluate_sae", "score_nodes", "score_by_method", "trace_prompt")
    }
    assert not _clean(study)


def test_a_moved_folder_is_as_it_was(study: Path) -> None:
    moved = study.rename(study.with_name("elsewhere"))
    assert NOTHING in ok(in_folder(moved)("snakemake", "-n", "snapshot"))
    assert _clean(moved)


@pytest.mark.whole
def test_a_killed_run_leaves_a_lock_and_goes_on_after_unlocking(study: Path) -> None:
    shorten(study / STUDY, "own", "interpretations")
    run, saes = in_folder(study), study / "results/saes"
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in saes.rglob("*") if path.is_file()}
    child = subprocess.Popen(
        ["snakemake", "--forcerun", "train_sae", "--", "saes"],
        cwd=study,
        env={**os.environ, "PYTHONPATH": str(study / "src")},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(study.glob("logs/train_sae/*.log")) or any(path.exists() for path in list(before)[:1]):
        assert child.poll() is None
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    done = run("snakemake", "snapshot")
    assert "--unlock" in done.stdout + done.stderr, "the message says what to do"
    ok(run("snakemake", "--unlock"))
    ok(run("snakemake", "snapshot"))
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in before} == before
    assert _clean(study)


def test_a_full_disk_is_one_line_and_leaves_no_half_file(study: Path) -> None:
    (study / SHARD).unlink()
    command = "ulimit -f 200; snakemake --forcerun write_manifest -- activations"  # no file may exceed 200 KB
    done = in_folder(study)("bash", "-c", command)
    assert done.returncode != 0
    lines = (study / "logs/cache_activations/00000.log").read_text().splitlines()
    assert lines[-1] == f"error: {SHARD}: File too large; nothing was written"
    assert not (study / SHARD).exists()
    assert not list((study / SHARD).parent.glob(".shard*"))
