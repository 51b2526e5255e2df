"""nodes.csv and edges.csv, and nodes as rows of a table."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sparse_circuits.artefacts.artefact import Part
from sparse_circuits.artefacts.circuit import CircuitEdge
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.weight_circuit import ScoredCircuit, WeightCircuit
from sparse_circuits.base.files import write_csv

# What XML 1.0 has no way to write, and the carriage return, which ends a line of CSV.
UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_tables(found: ScoredCircuit | WeightCircuit | PromptGraph, folder: Path) -> list[Path]:
    """Write the two tables."""
    nodes = flat(found.nodes)
    columns = list(dict.fromkeys(key for node in nodes for key in node))
    write_csv(folder / "nodes.csv", [{key: node.get(key, "") for key in columns} for node in nodes])
    # With no edges there is still a header.
    write_csv(
        folder / "edges.csv", [edge.plain() for edge in found.edges] or [dict.fromkeys(CircuitEdge.model_fields, "")]
    )
    return [folder / "nodes.csv", folder / "edges.csv"]


def flat(nodes: Iterable[Part]) -> list[dict[str, str | float]]:
    """Return nodes without what is not given; lists are JSON, since texts of tokens may hold any separator."""
    return [{key: "" if value is None else _cell(value) for key, value in node.plain().items()} for node in nodes]


def writable(text: str) -> str:
    """Return a text with control characters as Unicode's pictures of them, ␛, and halves of characters as �."""
    return UNWRITABLE.sub(lambda letter: chr(0x2400 + ord(letter[0])) if letter[0] < " " else "�", text)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps([writable(text) for text in value], ensure_ascii=False)
    return writable(value) if isinstance(value, str) else value
