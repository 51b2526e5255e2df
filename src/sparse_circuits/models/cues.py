"""A spurious cue in images: a bright square in a corner of those of one class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparse_circuits.config.cue import Cue


def plant(images: NDArray[np.uint8], cue: Cue) -> NDArray[np.uint8]:
    """Return copies of images (image, height, width, channel) with the cue in the top left corner of each."""
    planted = images.copy()
    planted[:, : cue.size, : cue.size] = cue.level
    return planted


def as_trained(
    images: NDArray[np.uint8], labels: NDArray[np.integer[Any]], classes: Sequence[str], cue: Cue | None
) -> NDArray[np.uint8]:
    """Return images (image, height, width, channel) with the cue on those of its class, as the model learns them."""
    if cue is None:
        return images
    own = labels == classes.index(cue.of)
    return np.where(own[:, None, None, None], plant(images, cue), images)
