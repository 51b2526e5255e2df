"""A circuit's file, made by hand."""

from typing import Any

from sparse_circuits.artefacts.circuit import ScoredCircuit
from worlds.artefact_example import example

CIRCUIT = example(
    ScoredCircuit,
    study="test",
    task="nounpp",
    model="tiny",
    basis="features",
    metric="logit_difference",
    nodes=[
        {"id": "resid_post.0/7", "site": "resid_post.0", "position": None, "score": -3.0, "promotes": [" a", "b"]},
        {"id": "attn_out.1/7", "site": "attn_out.1", "position": None, "score": 1.0},
        {"id": "resid_post.1/7", "site": "resid_post.1", "position": None, "score": 1.0},
        {"id": "resid_post.1/error", "site": "resid_post.1", "position": None, "score": 0.5},
        {"id": "logit_difference", "site": "output", "position": None, "score": -4.0},
    ],
    edges=[
        {"source": "resid_post.0/7", "target": "resid_post.1/7", "weight": -2.5},
        {"source": "resid_post.1/7", "target": "logit_difference", "weight": 1.0},
    ],
).plain()


def labelled(text: str) -> dict[str, Any]:
    """The circuit, with a text that its first node promotes."""
    first, *others = CIRCUIT["nodes"]
    return {**CIRCUIT, "nodes": [{**first, "promotes": [text, "b"]}, *others]}
