"""Settings of the step that trains a model of images, and of a study's `vision_transformer`."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Positive, Share, StepSettings
from sparse_circuits.config.cue import Cue
from sparse_circuits.config.network import Network, TrainNetwork


class VisionTransformerEntry(Network):
    """A model of images, trained on the study's corpus."""

    active: Share | None = Field(None, description="share of activations left at the eight places; none: all")
    patch: Positive = Field(4, description="height and width of a patch, in pixels")
    images: Positive = Field(description="images trained on; each may come several times")
    shift: Annotated[int, Field(ge=0)] = Field(0, description="pixels that an image is moved at most, either way")
    flip: bool = Field(False, description="turn every other image over, left to right")
    cue: Cue | None = Field(None, description="what the model is to learn that it should not")
    batch: Positive = Field(128, description="images a step")
    learning_rate: float = Field(0.003, gt=0, description="peak, before it is divided by the root of the share left")
    epsilon: float = Field(0.001, gt=0, description="AdamW's, beside gradients of root mean square 1")

    def check(self, key: str, height: int, width: int, classes: Sequence[str]) -> None:
        """Raise ValueError, which names the setting under `key`, where images of a size and classes do not fit."""
        if height % self.patch or width % self.patch:
            raise ValueError(
                f"`{key}.patch`: images of {height} x {width} cannot be cut into patches of {self.patch} x {self.patch}"
            )
        if self.d_model % self.head_dim:
            raise ValueError(f"`{key}.d_model`: {self.d_model} is no multiple of head_dim {self.head_dim}")
        if self.active is not None and self.active * self.d_model < 1:
            raise ValueError(f"`{key}.active`: {self.active:g} of {self.d_model} is less than one; null: all")
        if self.images < self.batch:
            raise ValueError(f"`{key}.images`: {self.images} images are less than one batch of {self.batch}")
        if self.cue and self.cue.of not in classes:
            raise ValueError(f"`{key}.cue.of`: there is no class {self.cue.of}; there are {', '.join(classes)}")
        if self.cue and self.cue.size > min(height, width):
            raise ValueError(f"`{key}.cue.size`: {self.cue.size} is more than images of {height} x {width} have")


class TrainVisionTransformer(TrainNetwork, StepSettings):
    """Which model is trained."""

    entry: VisionTransformerEntry = Field(description="its sizes and training")
