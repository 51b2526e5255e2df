"""Photographs whose file names end in their label: each is resized, and cut several times for either split."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.catalogue import Photographs
from sparse_circuits.sources.images import SPLITS, publish_images
from sparse_circuits.sources.parquet_images import BROKEN_IMAGE

SMALLEST = 0.6  # side of a drawn crop, as a share of the photograph's shorter side; the largest is 1
RESIZED = 256 / 224  # the shorter side over that of the central crop, as ImageNet's models are tested


def write_photographs(name: str, entry: Photographs, files: Sequence[Path], path: Path) -> int:
    """Publish `crops` crops of each photograph for training, and as many others for testing; return how many.

    The first test crop of each photograph is the central one that ImageNet's models are tested on; the others are
    drawn: a square of at least SMALLEST of the shorter side, mirrored every other time. Raises StudyError for a
    file that is no photograph in colour, and for a name without a label or with one that is no class.
    """
    found: dict[str, list[tuple[NDArray[np.uint8], int]]] = {split: [] for split in SPLITS}
    drawing = np.random.default_rng(0)
    for file in sorted(files):
        label, photograph = _label(name, file, entry), _opened(name, file)
        for split in SPLITS:
            crops = [_drawn(photograph, entry.shape[0], drawing) for _ in range(entry.crops)]
            if split == "test":
                crops[0] = _central(photograph, entry.shape[0])
            found[split] += [(crop, label) for crop in crops]
    parts = [(np.stack([crop for crop, _ in rows]), [label for _, label in rows]) for rows in found.values()]
    return publish_images(path, entry.classes, [(crops, np.array(labels, np.uint16)) for crops, labels in parts])


def _label(name: str, file: Path, entry: Photographs) -> int:
    number = re.search(r"(\d+)$", file.stem)
    if not number:
        raise StudyError(f"dataset {name}: {file.name} does not end in the number of its class")
    if int(number[1]) >= len(entry.classes):
        raise StudyError(f"dataset {name}: {file.name} is of class {number[1]}; there are {len(entry.classes)} classes")
    return int(number[1])


def _opened(name: str, file: Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            image.load()
    except BROKEN_IMAGE as error:
        raise StudyError(f"dataset {name}: {file.name} is no photograph ({error})") from None
    if image.mode != "RGB":
        raise StudyError(f"dataset {name}: {file.name} is of mode {image.mode}, colour (RGB) expected")
    return image


def _central(image: Image.Image, side: int) -> NDArray[np.uint8]:
    scale = round(side * RESIZED) / min(image.size)
    resized = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = round((resized.width - side) / 2), round((resized.height - side) / 2)
    return np.asarray(resized.crop((left, top, left + side, top + side)))


def _drawn(image: Image.Image, side: int, drawing: np.random.Generator) -> NDArray[np.uint8]:
    size = min(image.size) * drawing.uniform(SMALLEST, 1)
    left, top = drawing.uniform(0, image.width - size), drawing.uniform(0, image.height - size)
    crop = image.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + size, top + size))
    seen = np.asarray(crop)
    return seen[:, ::-1] if drawing.random() < 0.5 else seen
