"""A training run that is killed or told to stop goes on, and ends in the bytes of one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sparse_circuits.base.checkpoint import Checkpoint
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.autoencoders import Entries
from sparse_circuits.config.base import validate
from sparse_circuits.sae.train import Result, train_saes
from sparse_circuits.sae.units import Units
from worlds.checkout import ROOT

# Of each architecture that keeps more state than weights, one.
KINDS = {
    "topk": {"k": 3, "aux_k": 4, "dead_after": 200},
    "batch_topk": {"k": 3},
    "p_anneal": {"l1": 0.1, "anneal_from": 0.1},
    "jumprelu": {"l0": 0.1},
}


def _train(
    architecture: str, checkpoint: Checkpoint | None, device: torch.device, steps: int = 20, end: int | None = None
) -> Result:
    generator = torch.Generator().manual_seed(3)
    data = [torch.randn(64, 8, generator=generator) for _ in range(steps)]

    def batches(start: int) -> list[Tensor]:
        return data[start:end]

    settings = {"architecture": architecture, "d_sae": 32, "batch": 64, **KINDS[architecture]}
    configs = validate(Entries, {"saes": {"one": settings, "two": {**settings, "seed": 5}}}, architecture).saes
    return train_saes(batches, steps, Units.of([torch.zeros(8)], [8.0]), configs, 0, device, {}, checkpoint)["two"]


@pytest.mark.parametrize("architecture", KINDS)
def test_ten_steps_and_ten_more_are_twenty(architecture: str, device: torch.device, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    whole = _train(architecture, None, device)
    _train(architecture, Checkpoint(path, "spec", minutes=0), device, end=10)
    assert path.exists()
    rest = _train(architecture, Checkpoint(path, "spec", minutes=60), device)
    for name, tensor in whole.sae.__dict__.items():
        if isinstance(tensor, Tensor):
            assert torch.equal(tensor, getattr(rest.sae, name)), name
    assert torch.equal(whole.firing_share, rest.firing_share)
    assert whole.log == rest.log


def test_a_state_of_another_run_or_half_a_file_is_left_unread(tmp_path: Path) -> None:
    path, device = tmp_path / "state.safetensors", torch.device("cpu")
    whole = _train("topk", None, device)
    _train("topk", Checkpoint(path, "one", minutes=0), device, end=10)
    assert _train("topk", Checkpoint(path, "another", minutes=60), device).log == whole.log
    path.write_bytes(path.read_bytes()[:100])
    assert _train("topk", Checkpoint(path, "one", minutes=60), device).log == whole.log


def test_divergence_names_the_last_good_state(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    data = [torch.randn(64, 8, generator=torch.Generator().manual_seed(3)) for _ in range(20)]
    data[15][0, 0] = torch.nan
    settings = {"architecture": "topk", "d_sae": 32, "k": 3, "batch": 64}
    configs = validate(Entries, {"saes": {"topk": settings}}, "topk").saes
    with pytest.raises(
        StudyError, match=r"topk: training diverged at step 15: loss nan; lower learning_rate; last good state: .*state"
    ):
        train_saes(
            lambda start: data[start:], 20, Units.of([torch.zeros(8)], [8.0]), configs, 0, torch.device("cpu"), {},
            Checkpoint(path, "spec", minutes=0),
        )  # fmt: skip


def test_a_process_that_is_told_to_stop_and_then_killed_ends_in_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    settings = {"architecture": "topk", "d_sae": 512, "k": 8, "epochs": 15, "batch": 256, "learning_rate": 0.003}
    state = tmp_path / "state.safetensors"
    flags = {
        "--activations": finished / "results/activations/tiny-llama/words",
        "--reads": "resid_post.0",
        "--saes": json.dumps({"topk": settings}),
        "--state": state,
        "--save-every": 0.001,
    }
    command = [
        sys.executable,
        str(ROOT / "scripts/train_sae.py"),
        *(str(word) for pair in flags.items() for word in pair),
    ]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}

    def start(name: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--folders", str(tmp_path / name / "topk")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert start("whole").wait() == 0
    assert not state.exists(), "nothing is left behind"
    for number in (signal.SIGTERM, signal.SIGKILL):
        before = state.stat().st_mtime_ns if state.exists() else 0
        child = start("ended")
        while not state.exists() or state.stat().st_mtime_ns == before:
            assert child.poll() is None
            time.sleep(0.01)
        began = time.monotonic()
        child.send_signal(number)
        _, errors = child.communicate()
        assert child.returncode != 0
        if number == signal.SIGTERM:
            assert time.monotonic() - began < 10
            assert f"steps; state saved in {state}, the next run goes on" in errors.splitlines()[-1]
        assert not (tmp_path / "ended/topk/cfg.json").exists()
    child = start("ended")
    printed, _ = child.communicate()
    assert child.returncode == 0
    assert "going on after" in printed
    for name in ("cfg.json", "sae_weights.safetensors", "sparsity.safetensors", "training.csv"):
        assert (tmp_path / "ended/topk" / name).read_bytes() == (tmp_path / "whole/topk" / name).read_bytes()
