"""The test study on a real SLURM: what is cancelled, drained or interrupted is picked up by the next run."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worlds.checkout import STUDY, checkout, hashes, in_folder, ok, shorten
from worlds.in_process import run_steps, workspace

# One machine without accounting: ask the queue, often.
FLAGS = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2", "--latency-wait", "10"),
)
PROFILE = ("snakemake", "--workflow-profile", "profiles/slurm", *FLAGS)


def _queue(*states: str) -> list[tuple[str, str]]:
    """Ids and comments (rule and item) of the jobs in the queue."""
    command = ["squeue", "--noheader", "--format=%i %k", *(f"--states={state}" for state in states)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def _wait(condition: Callable[[], object], seconds: float = 300) -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen in time")


def _start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONWARNINGS": "ignore"}
    log = (folder / "run.log").open("ab")
    return subprocess.Popen(
        [*PROFILE, *arguments],
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=log,
        # What a shell runs in the background ignores interrupts, and hands that on to all it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.whole
def test_the_study_survives_scancel_a_drained_node_and_an_interrupt(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    study = folder / STUDY
    shorten(study, "own", "interpretations")

    child = _start(folder, "--retries", "0", "--", "saes")
    job, _ = _wait(lambda: [found for found in _queue("RUNNING") if "train_sae" in found[1]])[0]
    ok(in_folder(folder)("scontrol", "show", "job", job.split("_")[0]))
    subprocess.run(["scancel", job], check=True)
    assert child.wait(timeout=180) != 0
    ok(in_folder(folder)("snakemake", "--unlock"))

    child = _start(folder, "--", "circuits")
    _wait(lambda: [found for found in _queue("RUNNING") if "score_nodes" in found[1] or "evaluate_sae" in found[1]])
    subprocess.run(["scontrol", "update", "nodename=localhost", "state=drain", "reason=test"], check=True)
    _wait(lambda: _queue("PENDING"))
    child.send_signal(signal.SIGINT)
    child.wait(timeout=60)
    _wait(lambda: not _queue("PENDING", "RUNNING"))
    subprocess.run(["scontrol", "update", "nodename=localhost", "state=resume"], check=True)

    in_folder(folder)("snakemake", "--unlock")
    ok(in_folder(folder)(*PROFILE, "--", "snapshot"))
    ok(in_folder(folder)("dvc", "status", "-q"))
    after = hashes(folder)

    # The same study without a cluster, in another folder.
    (tmp_path / "local").mkdir()
    local = workspace(tmp_path / "local")
    (local / STUDY).write_text(study.read_text())
    run_steps(local, STUDY)
    here = {path: digest for path, digest in hashes(local).items() if "/circuits/" in path or "shard" in path}
    assert here == {path: after[path] for path in here} != {}
