"""One word, one meaning: no two public classes or functions of the library share a name."""

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from sparse_circuits.tasks.registry import Behaviour, Task
from worlds.checkout import ROOT

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
    return found | _shared_by_all(SOURCE.glob("steps/*.py")) | _shared_by_all(kinds_of_tasks())


def _shared_by_all(modules: Iterable[Path]) -> set[str]:
    """The names that all of these modules have: a step's `Files` and `step`, a kind of task's `make`."""
    return set.intersection(*({name for name, _ in _public(path)} for path in modules if path.stem != "__init__"))


def kinds_of_tasks() -> list[Path]:
    settings = [one for union in (Task, Behaviour) for one in get_args(get_args(union)[0])]
    return [Path(inspect.getfile(one)) for one in settings]


def _public(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node.lineno


def test_no_two_public_names_are_the_same() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        for name, line in _public(path):
            places[name].append(f"{path.relative_to(SOURCE)}:{line}")
    allowed = _interface() | {ENTRY}
    shared = {name: where for name, where in places.items() if len(where) > 1 and name not in allowed}
    assert not shared, shared
