"""An image with what its patches hold laid over it: the more a feature is active on a patch, the warmer it is."""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WARM = plt.get_cmap("inferno")
COVER = 0.75  # how much of the image the strongest patch hides


def heat_map(
    image: NDArray[np.uint8], activations: Sequence[float], grid: tuple[int, int], peak: float
) -> NDArray[np.uint8]:
    """Return an image (height, width, channel) as colours (height, width, 3), its patches shaded by `activations`.

    `activations` stand row by row of `grid` (rows, columns); `peak` is the one that is shaded most. A patch without
    activation stays as it is.
    """
    height, width, channels = image.shape
    colours = np.repeat(image, 3, axis=2) if channels == 1 else image
    share = (np.asarray(activations, dtype=np.float64).reshape(grid) / peak).clip(0, 1)
    share = share.repeat(height // grid[0], axis=0).repeat(width // grid[1], axis=1)[..., None]
    warm = WARM(0.35 + 0.55 * share[..., 0])[..., :3] * 255
    cover = COVER * np.sqrt(share)
    return np.asarray((1 - cover) * colours + cover * warm).round().astype(np.uint8)


def as_png(colours: NDArray[np.uint8]) -> bytes:
    """Return colours (height, width, 3) as the bytes of a PNG file; the same colours give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, format="png")
    return buffer.getvalue()
