"""probing.json of an autoencoder: what few of its features tell of a prompt, and what its letters' features miss."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class VariableProbes(Part):
    """Accuracies on test rows of probes of the `ks` best features, of the whole activation, and of the majority."""

    train: int
    test: int
    majority: float
    dense: float
    ks: list[int]
    sparse: list[float]
    features: list[int]


class LetterAbsorption(Part):
    """Of one first letter: its probe's F1, its features, and of the words recognised those that are absorbed."""

    probe_f1: float
    features: list[int]
    recognised: int
    absorbed: int


class Absorption(Part):
    """Means over letters; None without a letter that the activation itself tells."""

    train: int
    test: int
    rate: float | None
    features_a_letter: float | None
    letters: dict[str, LetterAbsorption]


class SAEProbing(Artefact):
    """The whole file; `tasks` are by task and variable."""

    rule: ClassVar = "probe_sae"

    site: str
    d_sae: int
    tasks: dict[str, dict[str, VariableProbes]]
    absorption: Absorption
