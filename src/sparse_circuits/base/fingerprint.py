"""Fingerprints of code: what a script computes, whatever its comments say.

A rule carries the fingerprint of its script among its parameters, so that editing training code reruns training while
editing a comment, a docstring or a setting's description reruns nothing.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "sparse_circuits"
SOURCE = Path(__file__).resolve().parents[1]


@cache
def fingerprint(script: Path, *modules: str) -> str:
    """Return a hash over the syntax trees of `script` and of every module of ours it imports, directly or not.

    `modules` are those that it imports by name, such as `tasks.agreement`.
    """
    seen: dict[str, str] = {}
    named = [f"{PACKAGE}.{module}" for module in modules]
    waiting = [(script.name, script), *((name, file) for name in named if (file := module_file(name)))]
    while waiting:
        name, path = waiting.pop()
        if name in seen:
            continue
        digest, imports = _parsed(path)
        seen[name] = digest
        waiting += [(module, file) for module in imports if (file := module_file(module))]
    return hashlib.sha256("\n".join(f"{k} {seen[k]}" for k in sorted(seen)).encode()).hexdigest()[:16]


@cache
def _parsed(path: Path) -> tuple[str, frozenset[str]]:
    """Return the hash of what a module computes, and the names of our modules that it imports."""
    tree = _Computing().visit(ast.parse(path.read_text(encoding="utf-8")))
    # What is imported for type checkers alone is never run.
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and _is_for_types(node.test))]
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports.add(node.module)
            imports.update(f"{node.module}.{alias.name}" for alias in node.names)
    ours = {name for name in imports if name.split(".")[0] == PACKAGE}
    # Importing a.b.c runs a and a.b too.
    parents = {".".join(name.split(".")[:n]) for name in ours for n in range(1, name.count(".") + 1)}
    # What a module reads that is no code stands beside it under its name: page.py and page.html.j2.
    beside = sorted(set(path.parent.glob(f"{path.stem}.*")) - {path})
    content = ast.dump(tree).encode() + b"".join(file.read_bytes() for file in beside)
    return hashlib.sha256(content).hexdigest(), frozenset(ours | parents)


class _Computing(ast.NodeTransformer):
    """Leaves out what tells people what code is for: docstrings, of modules to those of fields, and descriptions."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node.value) else self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg == "description" and _is_text(node.value) else self.generic_visit(node)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@cache
def module_file(module: str) -> Path | None:
    """Return the file of a module of ours, or of a package; None where there is none."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None
