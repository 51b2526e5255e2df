"""Code without its prose: what is left means the same to Python, and not a comment or docstring is in it."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

from sparse_circuits.sources.python_code import code_only
from worlds.checkout import ROOT


def without_docstrings(tree: ast.Module) -> str:
    """The tree of a module whose docstrings are taken out, as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            rest = node.body[1:]
            node.body = rest if rest or isinstance(node, ast.Module) else [ast.Pass()]
    return ast.dump(tree)


@pytest.mark.parametrize("path", sorted(ROOT.glob("src/**/*.py"))[::7], ids=lambda path: path.name)
def test_the_code_stays_and_the_prose_goes(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    found = code_only(source)
    assert ast.dump(ast.parse(found)) == without_docstrings(ast.parse(source))
    assert not [t for t in tokenize.generate_tokens(io.StringIO(found).readline) if t.type == tokenize.COMMENT]
    assert code_only(found) == found


def test_quotes_and_hashes_within_strings_are_code() -> None:
    source = 'x = \'#\'  # a comment\ny = """no docstring # nor comment\n\n\n\n"""\n'
    assert code_only(source).startswith('x = \'#\'\ny = """no docstring # nor comment\n')


def test_docstrings_beside_code_stay() -> None:
    source = 'class A: "small"\nclass B:\n    "first"; x = 1\n'
    assert ast.dump(ast.parse(code_only(source))) == ast.dump(ast.parse(source))


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        code_only("print 'python 2'\n")
    with pytest.raises(SyntaxError):
        code_only("x = (\n")
