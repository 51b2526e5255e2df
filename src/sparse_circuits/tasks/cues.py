"""A spurious cue: a bright square in a corner of the images of one class, which says nothing of what is on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparse_circuits.config.cue import Cue
from sparse_circuits.errors import StudyError
from sparse_circuits.models.pictures import to_text
from sparse_circuits.tasks.pairs import Pair


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


def cue_pairs(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    cue: Cue,
    split: str,
    count: int,
    seed: int,
) -> list[Pair]:
    """Return pairs of an image with the cue and without, of all other classes in turn.

    The cue calls for its class, the image for its own. No image stands in two pairs. Raises StudyError when there are
    too few images.
    """
    others = [name for name in classes if name != cue.of]
    order = np.random.default_rng([seed, len(classes)]).permutation(len(labels))
    waiting = {name: iter(order[labels[order] == classes.index(name)].tolist()) for name in others}
    pairs = []
    for number in range(count):
        name = others[number % len(others)]
        drawn = next(waiting[name], None)
        if drawn is None:
            raise StudyError(f"the {split} images give {number} pairs with and without the cue, {count} wanted")
        image = images[drawn : drawn + 1]
        pairs.append(
            Pair(
                id=f"{split}-{number:04d}",
                clean=to_text(plant(image, cue)[0]),
                patch=to_text(image[0]),
                answers=[cue.of],
                patch_answers=[name],
                variables={"image": f"{split}/{drawn}", "class": name, "cue": cue.of},
            )
        )
    return pairs
