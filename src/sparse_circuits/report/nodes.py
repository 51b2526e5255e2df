"""What a page tells of a node: its label, tokens, contexts, and where it stands in circuits."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.interpretation import InterpretedNode, TextContext
from sparse_circuits.artefacts.node_labels import read_site
from sparse_circuits.base.wording import rounded
from sparse_circuits.figures.heat_map import as_webp
from sparse_circuits.figures.pictures import read_pictures

PICTURES = 6  # of a node
DATA_URI = "data:image/webp;base64,"


def read_notes(
    circuits: Sequence[ScoredCircuit], interpretations: Sequence[Path], images: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Return {node id: what a page tells of it} from circuits and from files of interpretations.

    Of generated labels (<site>.labels.json), which come after the descriptions, only the label is taken. In a study of
    `images`, nodes have pictures.
    """
    notes = _of_circuits(circuits)
    for path in interpretations:
        for node in read_site(path).nodes:
            if isinstance(node, InterpretedNode):
                notes[node.id] = _note(node)
            elif node.label is not None:
                notes.setdefault(node.id, {})["label"] = node.label
    for name, pictures in (read_pictures(images, interpretations, PICTURES) if images else {}).items():
        notes[name]["pictures"] = [
            {"src": DATA_URI + base64.b64encode(as_webp(colours)).decode(), "class": of} for colours, of in pictures
        ]
    return notes


def _of_circuits(circuits: Sequence[ScoredCircuit]) -> dict[str, dict[str, Any]]:
    """What circuits themselves tell of features: tokens, and the score in each task."""
    notes: dict[str, dict[str, Any]] = {}
    for circuit in circuits:
        for node in circuit.nodes:
            if node.promotes is not None:
                told = {"promotes": node.promotes, "suppresses": node.suppresses, "tasks": []}
                note = notes.setdefault(node.id.partition("@")[0], told)
                note["tasks"].append([circuit.task, rounded(node.score)])
    return notes


def _note(node: InterpretedNode) -> dict[str, Any]:
    return {
        "label": node.label,
        "density": node.density,
        "mean": node.activation and node.activation.mean,
        "max": node.activation and node.activation.max,
        "f1": node.rule and node.rule.f1,
        **node.model_dump(include={"promotes", "suppresses"}, exclude_unset=True),
        "tasks": [[task.task, rounded(task.score)] for task in node.tasks],
        "contexts": [
            {"tokens": context.tokens, "activations": context.activations, "at": context.at}
            for context in node.top or []
            if isinstance(context, TextContext)
        ],
    }
