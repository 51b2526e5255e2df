"""Checkouts of the repository, to run programs in and to do things to."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUDY = "config/test/study.yaml"
CIRCUIT = "results/circuits/test/nounpp/features/circuit.json"
NOTHING = "Nothing to be done"
Run = Callable[..., subprocess.CompletedProcess[str]]


def run_script(
    name: str, *arguments: object, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of the repository's scripts as the workflow does."""
    command = [sys.executable, "-W", "ignore", str(ROOT / "scripts" / name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def checkout(folder: Path, recorded: bool = False) -> Path:
    """A checkout under git: with the test study as the default one and nothing recorded, or, `recorded`, as it is."""
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file() and (recorded or not name.startswith(("dvc.", "dvc/", "provenance/"))):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tests/fixtures", folder / "tests/fixtures", dirs_exist_ok=True)
    if not recorded:
        (folder / "config/config.yaml").write_text(f"default_study: {STUDY}\n")
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
        ok(in_folder(folder)("git", *command))
    return folder


def in_folder(folder: Path, **variables: str) -> Run:
    """Return a function that runs a command in a checkout, with the checkout's own code."""
    author = {f"GIT_{role}_{key}": "x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    paths = {"PYTHONPATH": str(folder / "src"), "PYTHONWARNINGS": "ignore"}
    environment = {**os.environ, **author, **paths, **variables}

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        words = list(map(str, command))
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


def ok(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed, and fail with it when the command failed."""
    assert done.returncode == 0, f"{done.args}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def planned(folder: Path, *arguments: str) -> set[str]:
    """The rules that Snakemake would run for a snapshot."""
    plan = ok(in_folder(folder)("snakemake", "-n", *arguments, "--", "snapshot"))
    return set(re.findall(r"^(\w+) +\d+$", plan, re.MULTILINE)) - {"total"}


def edit(path: Path, old: str, new: str) -> None:
    """Replace text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def shorten(study: Path, *more: str) -> None:
    """Leave to a test study what every study has: no second basis, no comparison of methods, no graph of a prompt.

    `more` are names of keys to leave out, such as those of tasks.
    """
    names = "|".join(("neurons", "compared_methods", *more))
    text = re.sub(rf"^ *({names}): .*\n", "", study.read_text(), flags=re.MULTILINE)
    study.write_text(re.sub(r"^graphs:\n  .*\n", "", text, flags=re.MULTILINE))


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every artefact in a checkout's results/."""
    files = (path for path in sorted((folder / "results").rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.startswith(".")  # DVC's .gitignore
    }
