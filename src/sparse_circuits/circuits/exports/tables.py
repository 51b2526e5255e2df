"""nodes.csv and edges.csv, and nodes as rows of a table."""

import json
import re
from pathlib import Path
from typing import Any

from sparse_circuits.base.files import write_csv

EDGE = ("source", "target", "weight")
# What XML 1.0 has no way to write, and the carriage return, which ends a line of CSV.
UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_tables(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write the two tables."""
    nodes = flat(found["nodes"])
    columns = list(dict.fromkeys(key for node in nodes for key in node))
    write_csv(folder / "nodes.csv", [{key: node.get(key, "") for key in columns} for node in nodes])
    # With no edges there is still a header.
    write_csv(folder / "edges.csv", found["edges"] or [dict.fromkeys(EDGE, "")])
    return [folder / "nodes.csv", folder / "edges.csv"]


def flat(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return nodes without what is not given; lists are JSON, since texts of tokens may hold any separator."""
    return [
        {key: _cell(value) for key, value in node.items() if value is not None}
        | {"position": "" if node.get("position") is None else node["position"]}
        for node in nodes
    ]


def writable(text: str) -> str:
    """Return a text with control characters as Unicode's pictures of them, ␛, and halves of characters as �."""
    return UNWRITABLE.sub(lambda letter: chr(0x2400 + ord(letter[0])) if letter[0] < " " else "�", text)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps([writable(text) for text in value], ensure_ascii=False)
    return writable(value) if isinstance(value, str) else value
