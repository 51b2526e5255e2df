"""Images in Parquet files as the hub has them: columns `image` ({bytes, path}, PNG or the like) and `label`."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sparse_circuits.base.errors import StudyError
from sparse_circuits.sources.parquet import read_parquet

BROKEN_IMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises for bad files


def read_parquet_images(files: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images (image, height, width[, channel]) and labels (image,) of a split's files, in the files' order.

    Raises StudyError that names the file when a column is missing, an image cannot be read, or sizes differ.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for file in sorted(files):
        for where, row in read_parquet(file, ["image", "label"]):
            try:
                with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
                    images.append(np.asarray(image))
            except (*BROKEN_IMAGE, TypeError, KeyError) as error:
                raise StudyError(f"{where} holds no image ({error})") from None
            if images[-1].shape != images[0].shape:
                raise StudyError(f"{where}: image has shape {images[-1].shape}, others {images[0].shape}")
            if not isinstance(row["label"], int) or not 0 <= row["label"] < 256:
                raise StudyError(f"{where}: `label` must be a number from 0 to 255, found {row['label']!r}")
            labels.append(row["label"])
    return np.stack(images), np.array(labels, np.uint8)
