"""The command line of a step, without importing it."""

from dataclasses import MISSING, fields
from importlib import import_module
from typing import get_type_hints

import pytest

from sparse_circuits.base.checkpoint import Resumption
from sparse_circuits.base.compute import Compute
from sparse_circuits.plan.commands import _flags, computes, file_words
from worlds.checkout import ROOT

STEPS = sorted(path.stem for path in (ROOT / "src/sparse_circuits/steps").glob("[!_]*.py"))


@pytest.mark.parametrize("step", STEPS)
def test_what_is_read_off_a_step_is_what_it_takes(step: str) -> None:
    kinds = get_type_hints(import_module(f"sparse_circuits.steps.{step}").step)
    taken = [
        field for kind in kinds.values() if kind is Resumption or kind.__name__ == "Files" for field in fields(kind)
    ]
    assert {(flag.name, flag.optional) for flag in _flags(step)} == {
        (field.name, (field.default, field.default_factory) != (MISSING, MISSING)) for field in taken
    }
    assert computes(step) == (Compute in kinds.values())


def test_folders_are_named_once_and_what_is_not_there_is_left_out() -> None:
    saes = [f"saes/{site}/{name}" for site in ("a", "b") for name in ("cfg.json", "sae_weights.safetensors")]
    files = {"model": ["models/m/config.json", "models/m/model.safetensors"], "pairs": "t/test.jsonl", "saes": saes}
    words = file_words("score_nodes", {**files, "scores": "scores.h5", "script": "scripts/score_nodes.py"})
    assert words[:2] == ["--model", "models/m"]
    assert words[words.index("--saes") :][:3] == ["--saes", "saes/a", "saes/b"]
    assert "--saes" not in file_words("score_nodes", {**files, "saes": [], "scores": "scores.h5"})
    pages = ["report/s/index.html", "report/s/data/a.js"]
    assert file_words("fetch_model", {"folder": pages}) == ["--folder", "report/s"]
    with pytest.raises(KeyError, match="scores"):
        file_words("score_nodes", files)
