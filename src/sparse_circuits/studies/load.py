"""Putting a study together from its file and what the command line overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.base import validate
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy


def load_study(config: Mapping[str, Any]) -> Study | WeightSparseStudy:
    """Return the study that Snakemake's merged config describes; its `kind` says of which sort it is.

    `config` either holds a whole study (--configfile config/studies/...) or names its file under `default_study`;
    further keys (--config) override those of the file.
    """
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
