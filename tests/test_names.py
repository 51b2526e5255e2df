"""One word, one meaning: no two public classes or functions of the library share a name."""

import ast
import importlib
from collections import defaultdict

from conftest import ROOT

SOURCE = ROOT / "src/sparse_circuits"
ENTRY = "main"  # of a module that is run


def _interface() -> set[str]:
    """The names that every file of a registry has, such as `fetch`: those that two of its functions share, or more."""
    found = set()
    for path in SOURCE.rglob("registry.py"):
        module = importlib.import_module(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))
        for table in (value for name, value in vars(module).items() if name.isupper() and isinstance(value, dict)):
            names = [one.__name__ for one in table.values()]
            found |= {name for name in names if names.count(name) > 1}
    return found


def test_no_two_public_names_are_the_same() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                places[node.name].append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    allowed = _interface() | {ENTRY}
    shared = {name: where for name, where in places.items() if len(where) > 1 and name not in allowed}
    assert not shared, shared
