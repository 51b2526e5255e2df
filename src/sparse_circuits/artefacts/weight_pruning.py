"""pruning.json: how the smallest circuit of a weight-sparse transformer does on a task's test pairs."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class ByCircuit(Part):
    """One measure of the whole model, the circuit, all but the circuit, no nodes, and as many random ones."""

    model: float
    circuit: float | None = None
    complement: float | None = None
    nothing: float | None = None
    random: float | None = None


class ChoiceMeasures(Part):
    """Task loss in nats and accuracies, calibrated and as they are."""

    task_loss: float
    accuracy: float
    raw_accuracy: float


class ScaleShift(Part):
    """What logit differences are scaled by, and by how much they are shifted."""

    scale: float
    shift: float


class ByFill(Part):
    """The circuit with closed nodes at their means, at 0, and as in the pair's other prompt."""

    mean: ChoiceMeasures
    zero: ChoiceMeasures
    resample: ChoiceMeasures


class CircuitSize(Part):
    """Numbers of nodes and edges."""

    nodes: int
    edges: int


class PruningControls(Part):
    """Circuits searched on shuffled labels and on nonsense words."""

    shuffled: ChoiceMeasures
    nonsense: ChoiceMeasures


class PruningMeasures(Part):
    """What is measured: where the task is not solved, of the whole model alone."""

    held_out_task_loss: float | None = None
    price: float | None = None
    examples: int | None = None
    task_loss: ByCircuit
    accuracy: ByCircuit
    raw_accuracy: ByCircuit
    calibration: ScaleShift | None = None
    ablations: ByFill | None = None
    nodes: int | None = None
    edges: int | None = None
    bisected: CircuitSize | None = None
    controls: PruningControls | None = None


class PruningFacts(Part):
    """What the circuit is of."""

    study: str
    task: str
    model: str
    basis: str
    metric: str
    target: float
    sha256: dict[str, str]
    split: str
    solved: bool


class WeightPruning(Artefact, PruningMeasures, PruningFacts):
    """The whole file. The keys of the last base stand first in it."""

    rule: ClassVar = "prune_task"
