"""nodes.csv and edges.csv."""

import json
from pathlib import Path
from typing import Any

from sparse_circuits.files import write_csv

EDGE = ("source", "target", "weight")


def write_tables(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write the two tables."""
    nodes = flat(found["nodes"])
    columns = list(dict.fromkeys(key for node in nodes for key in node))
    write_csv(folder / "nodes.csv", [{key: node.get(key, "") for key in columns} for node in nodes])
    # With no edges there is still a header.
    write_csv(folder / "edges.csv", found["edges"] or [dict.fromkeys(EDGE, "")])
    return [folder / "nodes.csv", folder / "edges.csv"]


def flat(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return nodes whose lists are JSON, since texts of tokens may hold any separator, without what is not given."""
    return [
        {key: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value for key, value in node.items()}
        | {"position": "" if node.get("position") is None else node["position"]}
        for node in nodes
    ]
