"""Reading YAML and putting a study together from its file and what the command line overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sparse_circuits.config.base import validate
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_text

if TYPE_CHECKING:
    from sparse_circuits.config.study import Study
    from sparse_circuits.config.weight_sparse import WeightSparseStudy

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


def load_study(config: Mapping[str, Any]) -> "Study | WeightSparseStudy":
    """Return the study that Snakemake's merged config describes; its `kind` says of which sort it is.

    `config` either holds a whole study (--configfile config/studies/...) or names its file under `default_study`;
    further keys (--config) override those of the file.
    """
    from sparse_circuits.config.study import Study
    from sparse_circuits.config.weight_sparse import WeightSparseStudy

    given = dict(config)
    default = given.pop("default_study", None)
    if "study" not in given:
        if default is None:
            raise StudyError("no study: name one with --configfile config/studies/<study>.yaml")
        given = _merged(read_yaml(Path(default)), given)
    where = f"study {given['study']}" if "study" in given else str(default)
    if given.get("kind") == "weight_sparse":
        return validate(WeightSparseStudy, given, where)
    return validate(Study, given, where)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if both else value
    return result
