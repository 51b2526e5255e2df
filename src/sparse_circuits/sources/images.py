"""Labelled images as one HDF5 file: /images (image, height, width, channel), /label (image,), /split (image,)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing
from sparse_circuits.config.catalogue import Images
from sparse_circuits.sources.idx import check_idx, read_idx
from sparse_circuits.sources.parquet_images import read_parquet_images

SPLITS = ("train", "test")
CHUNK = 200_704  # bytes: 256 images of 28 x 28


@dataclass(frozen=True)
class ImageSplit:
    """The images of one split: bytes (image, height, width, channel), labels (image,), and the rows in the file."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    rows: NDArray[np.int64]


def write_images(name: str, entry: Images, files: Sequence[Path], path: Path) -> int:
    """Publish the images of IDX files, or of the hub's Parquet files of the same images; return how many there are.

    The training images come first. Those of Parquet files (train*.parquet, test*.parquet) must be, in IDX's format, the
    bytes that the entry's hashes pin.

    Raises StudyError when a file is missing, when images have another size or other channels than the entry says, and
    when a class has no image or a label no class.
    """
    found = {file.name.removesuffix(".gz"): file for file in files}
    images, labels = [], []
    for split in SPLITS:
        of_split = getattr(entry, split)
        if tables := [file for file in files if file.suffix == ".parquet" and file.name.startswith(split)]:
            parts = list(read_parquet_images(tables))
            for wanted, part in zip((of_split.images, of_split.labels), parts, strict=True):
                check_idx(part, entry.sha256[wanted], f"{tables[0].name} as {wanted}")
        else:
            parts = []
            for wanted in (of_split.images, of_split.labels):
                if wanted not in found:
                    raise StudyError(f"dataset {name}: no file {wanted}; there are {', '.join(sorted(found))}")
                parts.append(read_idx(found[wanted], entry.sha256[wanted]))
        images.append(_shaped(of_split.images, parts[0], entry))
        labels.append(_labelled(of_split.labels, parts[1], len(parts[0]), entry))
    return publish_images(path, entry.classes, list(zip(images, labels, strict=True)))


def publish_images(
    path: Path, classes: Sequence[str], parts: Sequence[tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]]
) -> int:
    """Publish images (image, height, width, channel) and labels (image,) of each split; return how many images."""
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        # Chunks of about 200 kB, so that a split or a few images are read without the rest.
        chunks = (min(max(1, CHUNK // images[0].size), len(images)), *images.shape[1:])
        file.create_dataset("images", data=images, chunks=chunks, compression="gzip", compression_opts=1)
        file["label"] = labels
        file["split"] = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(part) for _, part in parts])
        file.attrs["classes"] = classes
        file.attrs["splits"] = SPLITS
    return len(images)


def _shaped(name: str, images: NDArray[np.uint8], entry: Images) -> NDArray[np.uint8]:
    height, width, channels = entry.shape
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise StudyError(f"{name}: {images.ndim} axes, images have three, or four with their channels")
    if images.shape[3] != channels:
        kinds = {1: "grey", 3: "colour"}
        found, wanted = (f"{kinds.get(n, 'other')} images ({n} channels)" for n in (images.shape[3], channels))
        raise StudyError(f"{name}: {found}, {wanted} expected")
    if images.shape[1:3] != (height, width):
        raise StudyError(f"{name}: images of {images.shape[1]} x {images.shape[2]}, expected {height} x {width}")
    return images


def _labelled(name: str, labels: NDArray[np.uint8], images: int, entry: Images) -> NDArray[np.uint8]:
    if labels.shape != (images,):
        raise StudyError(f"{name}: {labels.size} labels of {images} images")
    if missing := [one for number, one in enumerate(entry.classes) if number not in labels]:
        raise StudyError(f"{name}: no image of class {missing[0]}")
    if labels.max() >= len(entry.classes):
        raise StudyError(f"{name}: label {labels.max()}, but there are {len(entry.classes)} classes")
    return labels


def read_images(path: Path, split: str) -> ImageSplit:
    """Read the images of `train` or `test`."""
    with h5py.File(path) as file:
        rows = np.flatnonzero(file["split"][()] == SPLITS.index(split))
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        return ImageSplit(file["images"][part], file["label"][part], rows)


def read_classes(path: Path) -> list[str]:
    """Return the names of the classes."""
    with h5py.File(path) as file:
        return [str(name) for name in file.attrs["classes"]]
