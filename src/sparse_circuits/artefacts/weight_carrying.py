"""carried.json: how far the channels of sparse circuits move a dense model over bridges."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class BridgeTerms(Part):
    """Terms of the bridges' loss on held-out text, each the mean over places."""

    encoded: float
    decoded: float
    sparse_tails: float
    dense_tails: float


class MovedShares(Part):
    """Shares of the way to the other prompt at each strength: the circuit's channels, random ones, all."""

    circuit: list[float]
    random: list[float]
    all: list[float]


class CarriedPlace(Part):
    """A place where a circuit reads the residual stream."""

    place: str
    channels: list[int]
    strength: list[float]
    moved: MovedShares


class WeightCarrying(Artefact):
    """The whole file; places are by task."""

    rule: ClassVar = "train_bridges"

    study: str
    dense: str
    sparse: str
    losses: BridgeTerms
    tasks: dict[str, list[CarriedPlace]]
