"""circuit.json of a weight-sparse model: the smallest circuit of weights, whose nodes have no scores."""

from pathlib import Path
from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part
from sparse_circuits.artefacts.circuit import CircuitEdge, CircuitFacts, ScoredCircuit
from sparse_circuits.base.files import read_json


class WeightNode(Part):
    """A channel, head coordinate or neuron."""

    id: str
    site: str
    position: None


class WeightHashes(Part):
    """Of the model's weights, and of the training pairs."""

    model: str
    task: str


class WeightCircuit(Artefact, CircuitFacts):
    """The whole file; no nodes where the task is not solved. An edge's weight is that of the model."""

    rule: ClassVar = "prune_task"

    target: float
    sha256: WeightHashes
    nodes: list[WeightNode]
    edges: list[CircuitEdge]


def read_circuit(path: Path) -> ScoredCircuit | WeightCircuit:
    """Read a circuit.json of either kind."""
    data = read_json(path)
    weights = isinstance(data, dict) and data.get("basis") == "weights"
    return (WeightCircuit if weights else ScoredCircuit).read(path)
