"""The documentation site builds, every link in it leads somewhere, and its blocks can be used as they stand."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from PIL import Image

from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.figures.registry import FIGURES
from sparse_circuits.studies.load import load_study
from sparse_circuits.tasks.pair import read_pairs
from worlds.checkout import ROOT


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Return an artefact of results/" in (tmp_path / "site/reference/api/index.html").read_text()


def test_the_pages_on_settings_and_programs_are_current_and_explain_every_key(tmp_path: Path) -> None:
    written = runpy.run_path(str(ROOT / "scripts/write_reference.py"))
    written["main"](written["Reference"](tmp_path))
    for name in ("settings.md", "programs.md"):
        text = (tmp_path / name).read_text()
        assert (ROOT / "docs/reference" / name).read_text() == text, "run `make schemas`"
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
        assert len(rows) > 250
        assert not [row[0] for row in rows if not row[3].strip(" |")], name


def test_the_picture_of_the_packages_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    drawn = runpy.run_path("scripts/draw_architecture.py")
    drawn["main"](drawn["Drawing"](tmp_path / "drawn.svg"))
    assert Path("docs/images/architecture.svg").read_bytes() == (tmp_path / "drawn.svg").read_bytes(), (
        "run `make architecture`"
    )


def test_the_gallery_has_a_figure_of_every_kind() -> None:
    path = ROOT / "docs/reference/gallery.md"
    page = path.read_text()
    for kind in FIGURES.keys() - {"shift"}:  # needs a language model that writes, which no study of the tests has
        name = f"../images/gallery/{kind}.png"
        assert f"]({name})" in page
        with Image.open(path.parent / name) as image:
            assert len(set(image.convert("L").getdata())) > 4, f"{name} is empty"
    assert "](../images/shift.png)" in page


def test_the_blocks_of_the_page_on_your_own_model_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are added to the catalogues and studies read, as they stand but for the hashes that users fill in."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/how-to/own.md").read_text()
    blocks = re.findall(r"^```(yaml|python)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    studies = []
    for model, block in blocks:
        text = block.replace("<sha256>", "ab" * 32)
        name = re.match(r"# ([\w/.]+)", text)
        if model == "python":
            subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True)
        elif name and "under `" in text:
            with Path(name[1]).open("a") as catalogue:
                catalogue.write(text)
        elif name:
            studies.append(yaml.safe_load(text))
    for study in studies:
        load_study(study)
    language_study = read_yaml(Path("config/studies/language.yaml"))
    for text in (block for model, block in blocks if model == "yaml" and not block.startswith(("#", " "))):
        added = yaml.safe_load(text)
        tasks = {**language_study["tasks"], **added.pop("tasks", {})}
        load_study({**language_study, **added, "tasks": tasks, "edits": {}, "claims": None})
    assert [study["study"] for study in studies] == ["gpt2", "gguf", "notes"]
    assert len(read_pairs(Path("data/ioi_train.jsonl"))) == 56


def test_the_study_of_the_page_on_studies_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/reference/studies.md").read_text()
    assert load_study(yaml.safe_load(BLOCK.findall(page)[0][1])).study == "small"


def test_the_page_on_the_workflow_names_every_file_of_rules_every_rule_and_real_targets() -> None:
    page = (ROOT / "docs/reference/workflow.md").read_text()
    files = {path.name: path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk")}
    text = "\n".join(files.values())
    rules = set(re.findall(r"^ *(?:use rule \w+ as|rule) (\w+)", text, re.MULTILINE))
    trainings = set(re.findall(r'"(train_\w+)": ', files["saes.smk"]))
    assert {"train_sae", "train_cross_layer"} <= trainings
    for name in {*files, *rules, *trainings}:
        assert f"`{name}`" in page, name
    targets = re.findall(r"^\| `(\w+)` \| `\w+\.smk", page, re.MULTILINE)
    assert {"models", "snapshot"} <= set(targets) <= rules


def test_the_layers_of_contributing_are_those_that_are_checked() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    told = re.search(r"^    base ->[\w\s>-]+? steps$", page, re.MULTILINE)
    assert told
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    modules = [layer.removeprefix("sparse_circuits.") for layer in reversed(contracts[0]["layers"])]
    packages = [name for name in modules if (ROOT / "src/sparse_circuits" / name).is_dir()]
    assert re.split(r"\s+->\s+", told[0].strip()) == packages


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/reference/workflow.md"])
def test_files_and_lists_that_these_pages_send_one_to_are_there(page: str) -> None:
    text = (ROOT / page).read_text()
    places = (ROOT, ROOT / "src/sparse_circuits", ROOT / "workflow/rules", ROOT / "tests")
    named = re.findall(r"`([\w./-]+/[\w./-]*?(?:/|\.\w+))`|`(\w+\.smk)`", text)
    for name in map("".join, named):
        outside = name.split("/")[0] in ("results", "logs", ".snakemake", "dvc", "provenance")
        assert outside or any((place / name).exists() for place in places), f"{page}: {name}"
    code = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for name in re.findall(r"`([A-Z][A-Z_]{3,})`", text):
        assert re.search(rf"^{name}\b", code + TESTED, re.MULTILINE), f"{page}: {name}"


TESTED = (ROOT / "tests/worlds/networks.py").read_text() + (ROOT / "workflow/rules/study.smk").read_text()
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), *map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "config/README.md"))]
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_are_programs_that_there_are_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"
    for model, block in BLOCK.findall(text):
        if model == "python":
            compile(block, page.name, "exec")
        elif model == "yaml":
            yaml.safe_load(block)
        elif model == "bash":
            done = subprocess.run(["bash", "-n"], input=_filled(block), capture_output=True, text=True, check=False)
            assert not done.stderr, f"{page.name}: {block}"
            for line in _filled(block).replace("\\\n", " ").splitlines():
                _check_command(shlex.split(line, comments=True), page.name)


def _filled(block: str) -> str:
    """A block with something in the places that users fill in: <study>."""
    return re.sub(r"<[^<>]+>", "x", block)


def _check_command(words: list[str], page: str) -> None:
    """Every program of ours has the flags that it is called with, every target and file of the repository is there."""
    for before, word in pairwise(["", *words]):
        if word.startswith(("config/studies/", "config/test/", "scripts/", "profiles/", "examples/")):
            # Studies of the reader's own are named so in the tutorial and on the page of one's own model.
            assert (ROOT / word).exists() or page in ("tutorial.md", "own.md"), f"{page}: {word}"
        if before == "make" and not word.startswith("-"):
            assert re.search(rf"^{re.escape(word)}:", MAKEFILE, re.MULTILINE), f"{page}: make {word}"
        if before == "sparse-circuits" and word.isalpha():
            assert f'"{word}": ' in CONSOLE, f"{page}: sparse-circuits {word}"
    if len(words) > 1 and words[0] == "python" and words[1].startswith("scripts/") and "--help" not in words:
        known = _flags(words[1])
        assert {word for word in words if word.startswith("--")} <= known, f"{page}: {' '.join(words)}"


MAKEFILE = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
CONSOLE = (ROOT / "src/sparse_circuits/__main__.py").read_text()


def _flags(script: str) -> set[str]:
    told = subprocess.run([sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"--[\w-]+", told.stdout))
