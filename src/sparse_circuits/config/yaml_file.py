"""Reading YAML, in which a key may stand once."""

from pathlib import Path
from typing import Any

import yaml

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_text

MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which takes the last of several blocks under one key; here that is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__(read_text(path))
        self.path = path

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if key.tag == MERGE:
                continue
            name, line = (key.tag, str(key.value)), key.start_mark.line + 1
            if name in lines:
                told = f"key `{key.value}` is given twice, first in line {lines[name]}; keep one of them"
                raise StudyError(f"{self.path}:{line}: {told}")
            lines[name] = line
        return node


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; raise StudyError with file and line when it is missing, broken, or has a key twice."""
    try:
        data = _Loader(path).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise StudyError(f"{path}{line}: not YAML ({getattr(error, 'problem', error)})") from None
    if not isinstance(data, dict):
        raise StudyError(f"{path}: expected a mapping of keys to values")
    return data
