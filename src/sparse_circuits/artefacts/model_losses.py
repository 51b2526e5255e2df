"""losses.json of a transformer that was trained here: its held-out loss, and how many of its weights are not 0."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class TrainedModel(Part):
    """`tokens` of language, `images` and the `accuracy` on test images of vision; `share` of the weights are left."""

    accuracy: float | None = None
    held_out: float
    tokens: int | None = None
    images: int | None = None
    share: float
    weights: int
    nonzero: int


class ModelLosses(Artefact, TrainedModel):
    """The whole file."""

    rule: ClassVar = "train_transformer or train_vision_transformer"
