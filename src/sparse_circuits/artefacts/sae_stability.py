"""stability.json of an autoencoder: how much it agrees on the features with others, which differ in their seed."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class DecoderAgreement(Part):
    """Mean over features of the largest cosine with the other's, both ways, and the share that has a partner there."""

    mean_max_cosine: tuple[float, float]
    matched: float


class SAEStability(Artefact):
    """The whole file; `others` are by name."""

    rule: ClassVar = "compare_saes"

    sae: str
    others: dict[str, DecoderAgreement]
