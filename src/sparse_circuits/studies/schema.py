"""The JSON Schemas of the settings, for editors and other programs: `python -m sparse_circuits.studies.schema`."""

import json
from pathlib import Path
from typing import Any

from sparse_circuits.config.autoencoders import LISTS
from sparse_circuits.config.base import Settings
from sparse_circuits.config.catalogue import Datasets, Models
from sparse_circuits.config.claims import Claims
from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy

FOLDER = Path("workflow/schemas")
SCHEMAS: dict[str, type[Settings]] = {
    "study": Study,
    "weight_sparse_study": WeightSparseStudy,
    "models": Models,
    "datasets": Datasets,
    "claims": Claims,
}


def schema_texts() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    found = {name: kind.model_json_schema() for name, kind in SCHEMAS.items()}
    for part in found["study"]["$defs"].values():
        if "learning_rate" in part["properties"]:
            _allow_sweeps(part["properties"])
    return {f"{name}.schema.json": json.dumps(schema, indent=1) + "\n" for name, schema in found.items()}


def _allow_sweeps(properties: dict[str, Any]) -> None:
    """Autoencoders that are trained may have lists of values to try (`spread`), and a list of seeds."""
    for key, value in properties.items():
        if key not in ("architecture", *LISTS):
            properties[key] = {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
    properties["seeds"] = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}


def main() -> None:
    """Write the schemas."""
    for name, text in schema_texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
