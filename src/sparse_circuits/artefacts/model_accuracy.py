"""accuracy.json of a model of images: how often it gives the right class."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class ModelHashes(Part):
    """Of the model's weights, and of the images."""

    model: str
    images: str


class ModelAccuracy(Artefact):
    """The whole file: images right, and right among the first five, from central crops; the share of all crops."""

    rule: ClassVar = "judge_model"

    model: str
    images: int
    top1: int
    top5: int
    crops: int
    crops_top1: float
    sha256: ModelHashes
