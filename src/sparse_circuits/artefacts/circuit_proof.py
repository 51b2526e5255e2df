"""proof.json: what a circuit's nodes do, hypothesis tests of it, its stability, and controls on which it must fail."""

from typing import ClassVar, Literal

from sparse_circuits.artefacts.artefact import Artefact, Interval, Number, Part


class CircuitStability(Part):
    """How much circuits from resampled pairs agree, and the nodes that are in nearly all."""

    jaccard: float
    jaccard_with_all: float
    resamples: int
    consensus: list[str]


class ControlSizes(Part):
    """Nodes of the circuits of both controls."""

    nonsense: int
    shuffled: int


class CircuitControls(Part):
    """What circuits of `size` nodes do: the real one, one for nonsense answers, one found with shuffled labels."""

    size: int
    real: float
    nonsense: float
    shuffled: float
    nodes: ControlSizes
    fail_as_they_should: bool


class JudgedHypothesis(Part):
    """A test's verdict, its number of pairs and, of the equivalence test, two 90 % intervals."""

    statistic: Number
    p: float
    reject: bool
    finding: Literal["for", "against", "undecided"]
    says: str
    lead: Interval | None = None
    accuracy: Interval | None = None
    pairs: int


class CircuitProof(Artefact):
    """The whole file. `effects` are those of ablating one node alone, by its id."""

    rule: ClassVar = "prove_circuit"

    effects: dict[str, float]
    stability: CircuitStability
    controls: CircuitControls
    tests: dict[str, JudgedHypothesis]
