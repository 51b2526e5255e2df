"""Images in Parquet files as the hub has them: columns `image` ({bytes, path}, PNG or the like) and `label`."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sparse_circuits.errors import StudyError


def read_parquet_images(files: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images (image, height, width[, channel]) and labels (image,) of a split's files, in the files' order.

    Raises StudyError that names the file when a column is missing, an image cannot be read, or sizes differ.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for file in sorted(files):
        table = parquet.ParquetFile(file)
        if missing := {"image", "label"} - set(table.schema_arrow.names):
            raise StudyError(f"{file.name}: no column `{min(missing)}`; has {', '.join(table.schema_arrow.names)}")
        for batch in table.iter_batches(columns=["image", "label"]):
            for row, label in zip(batch.column("image").to_pylist(), batch.column("label").to_pylist(), strict=True):
                try:
                    with Image.open(io.BytesIO(row["bytes"])) as image:
                        images.append(np.asarray(image))
                except (UnidentifiedImageError, OSError, TypeError, KeyError) as error:
                    raise StudyError(f"{file.name}: row {len(labels)} holds no image ({error})") from None
                if images[-1].shape != images[0].shape:
                    raise StudyError(f"{file.name}: image {len(labels)} has shape {images[-1].shape}, others not")
                labels.append(label)
    return np.stack(images), np.array(labels, np.uint8)
