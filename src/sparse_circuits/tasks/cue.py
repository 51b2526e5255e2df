from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.base import Positive
from sparse_circuits.config.cue import Cue
from sparse_circuits.models.cues import plant
from sparse_circuits.models.pictures import to_text
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair


class Cued(TaskSettings):
    """Pairs of an image with the spurious cue that the study's model was trained with, and without it."""

    kind: Literal["cue"]
    train: Positive = Field(100, description="pairs of training images to find circuits on")
    test: Positive = Field(100, description="pairs of test images to judge circuits on")


def make(settings: Cued, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    from sparse_circuits.sources.images import read_classes, read_images  # reading a study needs no images

    assert sources.cue is not None
    (file,) = sources.files
    images, names = read_images(file, split), read_classes(file)
    return cue_pairs(images.images, images.labels, names, sources.cue, split, settings.count(split), sources.seed)


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
