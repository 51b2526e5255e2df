"""An image with what its patches hold laid over it: the more a feature is active on a patch, the warmer it is."""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WARM = plt.get_cmap("inferno")
SIDE = 112  # pixels of a photograph
COVER = 0.75  # how much of the image the strongest patch hides


def heat_map(
    image: NDArray[np.uint8], activations: Sequence[float], grid: tuple[int, int], peak: float
) -> NDArray[np.uint8]:
    """Return an image (height, width, channel) as colours (height, width, 3), its patches shaded by `activations`.

    `activations` stand row by row of `grid` (rows, columns); `peak` is the one that is shaded most. A patch without
    activation stays as it is. Photographs are shrunk to a side of SIDE or somewhat more, a multiple of the grid's.
    """
    colours = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    values = np.asarray(activations, dtype=np.float64).reshape(grid)
    if len(image) > SIDE:
        colours, values = _shrunk(colours, values)
    height, width, _ = colours.shape
    share = (values / peak).clip(0, 1)
    share = share.repeat(height // len(share), axis=0).repeat(width // share.shape[1], axis=1)[..., None]
    warm = WARM(0.35 + 0.55 * share[..., 0])[..., :3] * 255
    cover = COVER * np.sqrt(share)
    return np.asarray((1 - cover) * colours + cover * warm).round().astype(np.uint8)


def _shrunk(colours: NDArray[np.uint8], values: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A smaller square image, and where the grid of values is finer than it the means of neighbouring places."""
    while len(values) > SIDE:
        values = values.reshape(len(values) // 2, 2, -1, 2).mean(axis=(1, 3))
    side = len(values) * -(-SIDE // len(values))
    return np.asarray(Image.fromarray(colours).resize((side, side))), values


def as_webp(colours: NDArray[np.uint8]) -> bytes:
    """Return colours (height, width, 3) as the bytes of a WebP file, which loses nothing unless it is a photograph."""
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, format="webp", lossless=len(colours) < SIDE, quality=80)
    return buffer.getvalue()
