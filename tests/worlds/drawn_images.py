"""Small images with three classes, as the files that datasets of images are published in."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np

from sparse_circuits.config.catalogue import Images
from sparse_circuits.models.pictures import BRAILLE
from sparse_circuits.sources.images import write_images

CLASSES = ["dot", "bar", "long bar"]
SHAPE = (4, 6, 1)


def idx(values: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def entry(shape: tuple[int, int, int] = SHAPE, classes: list[str] = CLASSES, **contents: bytes) -> Images:
    names = {"train": {"images": "a", "labels": "b"}, "test": {"images": "c", "labels": "d"}}
    sha256 = {name: hashlib.sha256(contents.get(name, b"")).hexdigest() for name in "abcd"}
    return Images.model_validate({"shape": shape, "classes": classes, **names, "sha256": sha256})


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (image, 4, 6) whose class shows in how many of their first row's pixels are white."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.uint8) % len(CLASSES)
    images = generator.integers(0, 60, (count, *SHAPE[:2]), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, : 1 + 2 * label] = 255
    return images, labels


def published(folder: Path, entry_of: Images, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(data))
    write_images("shapes", entry_of, sorted(folder.glob("*.gz")), folder / "images.h5")
    return folder / "images.h5"


def from_text(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """The image (height, width, channel) of a text: `to_text` undone."""
    return np.array([ord(character) - BRAILLE for character in text], dtype=np.uint8).reshape(shape)
