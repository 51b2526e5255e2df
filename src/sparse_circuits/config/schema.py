"""The JSON Schemas of the settings, for editors and other programs: `python -m sparse_circuits.config.schema`."""

import json
from pathlib import Path

from sparse_circuits.config.base import Settings
from sparse_circuits.config.catalogue import Datasets, Models
from sparse_circuits.config.study import Study

FOLDER = Path("workflow/schemas")
SCHEMAS: dict[str, type[Settings]] = {"study": Study, "models": Models, "datasets": Datasets}


def schema_texts() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    return {
        f"{name}.schema.json": json.dumps(kind.model_json_schema(), indent=1) + "\n" for name, kind in SCHEMAS.items()
    }


def main() -> None:
    """Write the schemas."""
    for name, text in schema_texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
