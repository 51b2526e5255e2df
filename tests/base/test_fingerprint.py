"""Editing a comment reruns nothing; editing what a script computes, or imports, reruns it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparse_circuits.base import fingerprint as module
from sparse_circuits.base.fingerprint import fingerprint
from worlds.checkout import ROOT

LIBRARY = {
    "__init__.py": "",
    "a.py": '"""Doc."""\nfrom sparse_circuits.b import g\n\ndef f():\n    """Doc."""\n    return g() + 1\n',
    "b.py": "def g():\n    # why\n    return 2\n",
    "c.py": 'class C(Settings):\n    k: int = Field(32, description="what it is")\n    """a field"""\n',
    "other.py": "x = 1\n",
}
SCRIPT = (
    '"""Doc."""\nimport sys\nfrom sparse_circuits import c\nfrom sparse_circuits.a import f\nprint(f(), sys.path)\n'
)


def _forget() -> None:
    """A process takes each file as it found it first."""
    for remembered in (module._parsed, module.fingerprint, module.module_file):
        remembered.cache_clear()


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "sparse_circuits"
    folder.mkdir()
    for name, text in LIBRARY.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(module, "SOURCE", folder)
    (tmp_path / "script.py").write_text(SCRIPT)
    _forget()
    yield tmp_path / "script.py"
    _forget()


def test_a_template_beside_its_module_counts(script: Path) -> None:
    (script.parent / "sparse_circuits/b.html.j2").write_text("one")
    _forget()
    before = fingerprint(script)
    assert before != _after(script, "sparse_circuits/b.html.j2", "one", "two")


def _after(script: Path, file: str, old: str, new: str) -> str:
    path = script.parent / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    _forget()
    return fingerprint(script)


def test_what_is_imported_for_type_checkers_alone_does_not_count(script: Path) -> None:
    folder = script.parent / "sparse_circuits"
    for_types = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from sparse_circuits.other import x\n\n"
    (folder / "b.py").write_text(for_types + LIBRARY["b.py"])
    _forget()
    before = fingerprint(script)
    assert _after(script, "sparse_circuits/other.py", "x = 1", "x = 2") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("script.py", '"""Doc."""', '"""Another text."""'),
        ("sparse_circuits/a.py", '    """Doc."""\n', ""),
        ("sparse_circuits/b.py", "# why", "# because"),
        ("sparse_circuits/c.py", "what it is", "what it does"),
        ("sparse_circuits/c.py", "a field", "a setting"),
        ("sparse_circuits/other.py", "x = 1", "x = 2"),
    ],
)
def test_comments_descriptions_and_strangers_do_not_count(script: Path, file: str, old: str, new: str) -> None:
    before = fingerprint(script)
    assert _after(script, file, old, new) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("script.py", "f()", "f() + 1"),
        ("sparse_circuits/a.py", "+ 1", "+ 2"),
        ("sparse_circuits/b.py", "return 2", "return 3"),
        ("sparse_circuits/c.py", "32", "16"),
    ],
)
def test_code_counts_wherever_it_is_imported_from(script: Path, file: str, old: str, new: str) -> None:
    before = fingerprint(script)
    assert _after(script, file, old, new) != before


def test_every_script_has_its_own() -> None:
    scripts = sorted((ROOT / "scripts").glob("*.py"))
    assert len({fingerprint(script) for script in scripts}) == len(scripts)


def test_a_program_that_edits_nothing_does_not_rerun_when_edits_change() -> None:
    """Whatever `import sparse_circuits` offers, it brings no algorithm into the fingerprint of every program."""
    seen, waiting = set(), ["scripts.fetch_model"]
    paths = {"scripts.fetch_model": ROOT / "scripts/fetch_model.py"}
    while waiting:
        name = waiting.pop()
        path = paths.get(name) or module.module_file(name)
        if name not in seen and path is not None:
            seen.add(name)
            waiting += module._parsed(path)[1]
    assert "sparse_circuits.models.convert" in seen
    assert not {name for name in seen if name.startswith(("sparse_circuits.edit", "sparse_circuits.circuits"))}


def test_packages_themselves_hold_nothing() -> None:
    """Else a program that imports one module of a package would have all of them in its fingerprint."""
    for path in (ROOT / "src/sparse_circuits").glob("*/**/__init__.py"):
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path
