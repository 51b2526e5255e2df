"""The tutorial leads from a clone to an edited model: its code blocks are run as they stand, on the test study."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from worlds.checkout import ROOT, STUDY, edit, in_folder, ok, shorten

BLOCK = re.compile(r"^```(bash|yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.whole
def test_a_newcomer_gets_from_a_clone_to_an_edited_model(finished: Path, tmp_path: Path) -> None:
    """Cloning and setting up are what CI and its checkouts do; the study is the test study under the same name."""
    folder = tmp_path / "clone"
    shutil.copytree(finished, folder, symlinks=True)
    study = folder / "config/studies/mine.yaml"
    blocks = BLOCK.findall((ROOT / "docs/tutorial.md").read_text())
    run = in_folder(folder)
    printed = []
    for model, text in blocks:
        if "git clone" in text:
            continue
        if model == "yaml":
            study.write_text((folder / STUDY).read_text().replace("study: test", "study: mine"))
            shorten(study, "interpretations")
            edit(study, "sae: topk", "sae: topk, prove: false")
        elif model == "bash":
            printed.append(ok(run("bash", "-euo", "pipefail", "-c", text)))
        else:
            printed.append(ok(run(sys.executable, "-c", text)))
    planned, _, circuit, changed, _, _, edited = printed
    assert "find_circuit" in planned
    found = dict(re.findall(r"^(model|circuit alone|without the circuit) (-?[\d.]+)$", circuit, re.MULTILINE))
    assert found.keys() == {"model", "circuit alone", "without the circuit"}
    assert found["without the circuit"] != found["model"]
    assert "find_circuit" in changed
    assert "train_sae" not in changed
    before, after = re.findall(r"^(?:before|after) (-?[\d.]+) [\d.]+$", edited, re.MULTILINE)
    assert before != after
