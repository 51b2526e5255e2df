"""evaluation.json of SHIFT: how right a probe is, and how far it follows gender, in several ways of making it."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Interval, Part


class GroupAccuracies(Part):
    """How often a probe is right about profession, agrees with gender, and is right in its worst group."""

    profession: float
    gender: float
    worst_group: float


class RangedAccuracies(Part):
    """Means over seeds, each with the least and the largest."""

    profession: float
    profession_range: Interval
    gender: float
    gender_range: Interval
    worst_group: float
    worst_group_range: Interval


class ShiftNode(Part):
    """A node of the probe's circuit: its effect, what is held against it, and whether it was ablated."""

    node: str
    effect: float
    on_words: float
    promotes: bool
    ablated: bool


class ShiftSeed(Part):
    """One draw of biographies; `rows` are by way."""

    rows: dict[str, GroupAccuracies]
    nodes: list[ShiftNode]


class ShiftEvaluation(Artefact):
    """The whole file; `rows` are by way."""

    rule: ClassVar = "run_shift"

    professions: list[str]
    site: str
    sha256: dict[str, str]
    rows: dict[str, RangedAccuracies]
    seeds: list[ShiftSeed]
