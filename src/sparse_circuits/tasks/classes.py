"""Pairs of images of different classes: one kind of object against another, or against all the rest."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.base import Positive
from sparse_circuits.models.pictures import to_text
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair


class Classes(TaskSettings):
    """Pairs of images: one class against another, or against all the rest."""

    kind: Literal["classes"]
    of: str = Field(description="name of the class that is recognised")
    against: str | None = Field(None, description="name of the other class; all the rest when not given")
    train: Positive = Field(100, description="pairs of training images to find circuits on")
    test: Positive = Field(100, description="pairs of test images to judge circuits on")


def make(settings: Classes, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    from sparse_circuits.sources.images import read_classes, read_images  # reading a study needs no images

    (file,) = sources.files
    images, names = read_images(file, split), read_classes(file)
    sides = settings.of, settings.against
    return image_pairs(images.images, images.labels, names, *sides, split, settings.count(split), sources.seed)


def image_pairs(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    of: str,
    against: str | None,
    split: Split,
    count: int,
    seed: int,
) -> list[Pair]:
    """Return `count` pairs of images (image, height, width, channel) of a split, with their labels (image,).

    Every other pair is turned round, so that either side is right as often: the mean image, which stands in for what is
    ablated, would else itself look like the class. Without a class `against` which it stands, the other images are
    those of all other classes that have any in turn, and all of these are right answers. No image stands in two pairs.
    Raises StudyError for a class that there is not, and when there are too few images.
    """
    for name in (of, against):
        if name is not None and name not in classes:
            raise StudyError(f"no class {name!r}; there are {', '.join(classes)}")
    present = [classes[number] for number in np.unique(labels).tolist()]
    others = [against] if against else [name for name in present if name != of]
    order = np.random.default_rng([seed, classes.index(of)]).permutation(len(labels))
    waiting = {name: iter(order[labels[order] == classes.index(name)].tolist()) for name in (of, *others)}
    pairs = []
    for number in range(count):
        sides = [(of, [of]), (others[number // 2 % len(others)], others)]
        if number % 2:
            sides.reverse()
        drawn = [next(waiting[name], None) for name, _ in sides]
        if None in drawn:
            raise StudyError(
                f"the {split} images give {number} pairs of {of} against {against or 'the rest'}, {count} wanted"
            )
        clean, patch = (image for image in drawn if image is not None)
        (name, answers), (other, patch_answers) = sides
        pairs.append(
            Pair(
                id=f"{split}-{number:04d}",
                clean=to_text(images[clean]),
                patch=to_text(images[patch]),
                answers=answers,
                patch_answers=patch_answers,
                variables={"clean": f"{split}/{clean}", "patch": f"{split}/{patch}", "class": name, "other": other},
            )
        )
    return pairs
