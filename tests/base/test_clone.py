"""Which code ran: programs, rules and make notice when the library would be another clone's, or none."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sparse_circuits import __main__ as console
from sparse_circuits import command, doctor
from sparse_circuits.base.clone import check_library, imported_by
from sparse_circuits.base.errors import StudyError
from worlds.checkout import ROOT, checkout, in_folder

PACKAGE = "src/sparse_circuits"


def _clone(folder: Path) -> Path:
    (folder / PACKAGE).mkdir(parents=True)
    (folder / PACKAGE / "__init__.py").touch()
    return folder


def test_a_library_is_a_clones_own_or_its_programs_do_not_run(tmp_path: Path) -> None:
    mine, other = _clone(tmp_path / "mine"), _clone(tmp_path / "other")
    (tmp_path / "link").symlink_to(mine)
    (tmp_path / "no_clone").mkdir()
    for clone, imported in (
        (mine, mine / PACKAGE),
        (tmp_path / "link", mine / PACKAGE),
        (mine, tmp_path / "link" / PACKAGE),
        (tmp_path / "no_clone", other / PACKAGE),  # pip installed the library, and there is no clone
    ):
        check_library(clone, imported)
    for imported, told in ((other / PACKAGE, str(other / PACKAGE)), (tmp_path / "gone", "gone"), (None, "no library")):
        with pytest.raises(StudyError, match=r"make setup.*PYTHONPATH") as refused:
            check_library(mine, imported)
        assert told in str(refused.value)
        assert str(mine) in str(refused.value)


def test_a_program_of_a_copied_clone_stops_before_it_does_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    ran: list[str] = []

    def step() -> None:
        ran.append("here")

    monkeypatch.setattr(sys, "argv", [str(ROOT / "scripts/train_sae.py")])
    command.program(step)
    assert ran == ["here"]
    monkeypatch.setattr(sys, "argv", [str(_clone(tmp_path) / "scripts/train_sae.py")])
    with pytest.raises(SystemExit):
        command.program(step)
    assert len(ran) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"error: {tmp_path}: its programs would run with the library of ")


def test_what_a_python_imports_is_found_in_any_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = _clone(tmp_path / "größe")
    monkeypatch.setenv("PYTHONPATH", str(clone / "src"))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert imported_by(sys.executable) == clone / PACKAGE
    alone = tmp_path / "alone"
    alone.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    alone.chmod(0o755)
    assert imported_by(str(alone)) is None
    assert imported_by("no-such-python") is None


def test_the_graph_is_not_built_where_jobs_would_run_other_code(tmp_path: Path) -> None:
    """As in a copied clone whose .venv is still that of the first."""
    done = in_folder(checkout(tmp_path), PYTHONPATH=str(ROOT / "src"))("snakemake", "-n")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, done.stderr
    assert f"{tmp_path}: its programs would run with the library of {ROOT / PACKAGE}" in errors[0]
    assert "Traceback" not in done.stderr


def test_the_doctor_tells_of_another_clones_code_and_of_no_git(tmp_path: Path) -> None:
    assert [doctor.check_code(ROOT).state, doctor.check_git(ROOT).state] == ["ok", "ok"]
    assert doctor.check_code(_clone(tmp_path)).state == "problem"
    assert doctor.check_git(tmp_path).mend.startswith("git init")


@pytest.mark.parametrize(
    ("shebang", "made"),
    [
        ("#!{here}/.venv/bin/python3.11", "not at all"),
        ("#!/bin/sh\n'''exec' \"{here}/.venv/bin/python3\" \"$0\"", "not at all"),  # as pip writes it of long paths
        ("#!/bin/sh\n'''exec' {here}/.venv/bin/python3 \"$0\"", "not at all"),
        ("#!/elsewhere/.venv/bin/python3", "anew"),
        ("#!/elsewhere{here}/.venv/bin/python3", "anew"),
        ("#!{here}-old/.venv/bin/python3", "anew"),
        ("", "for the first time"),
    ],
)
def test_make_makes_a_copied_or_moved_environment_anew(tmp_path: Path, shebang: str, made: str) -> None:
    folder = tmp_path / "a clone"
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder)
    if shebang:
        (folder / ".venv/bin/pip").write_text(shebang.format(here=folder) + "\n")
        (folder / ".venv/.ready").touch()
    done = subprocess.run(["make", "-n", "setup"], cwd=folder, capture_output=True, text=True, check=True)
    assert ("--clear" in done.stdout) == (made == "anew")
    assert ("Nothing to be done" in done.stdout) == (made == "not at all")


def test_output_that_an_encoding_cannot_write_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with PYTHONIOENCODING=ascii: a word of a prompt fails no job, and no command."""

    def show() -> None:
        print("größe")

    for run, arguments in (
        (lambda: command.program(show), [str(ROOT / "scripts/x.py")]),
        (console.main, ["sparse-circuits", "version"]),
    ):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        monkeypatch.setattr(sys, "argv", arguments)
        monkeypatch.setattr(console, "version", show)
        run()
        sys.stdout.flush()
        assert written.getvalue().split() == [rb"gr\xf6\xdfe"]
