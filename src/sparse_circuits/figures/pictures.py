"""The pictures of features: the images on which each is most active, with the patches that it is active on."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from sparse_circuits.artefacts.interpretation import ActivatingImage, Interpretation
from sparse_circuits.base.errors import StudyError
from sparse_circuits.figures.heat_map import heat_map

Picture = tuple[NDArray[np.uint8], str]  # colours (height, width, 3), and the image's class


def read_pictures(images: Path, interpretations: Sequence[Path], count: int) -> dict[str, list[Picture]]:
    """Return, by feature, the first `count` top images as heat maps; each feature's strongest patch is the warmest.

    `images` is the HDF5 file of a corpus, `interpretations` are those of a vision model's sites.
    """
    found: dict[str, list[Picture]] = {}
    with h5py.File(images) as file:
        for path in interpretations:
            interpretation = Interpretation.read(path)
            if interpretation.grid is None:
                raise StudyError(f"{path}: describes text, not images")
            for node in interpretation.nodes:
                top = [item for item in (node.top or [])[:count] if isinstance(item, ActivatingImage)]
                peak = max((max(item.activations) for item in top), default=0.0)
                found[node.id] = [
                    (heat_map(file["images"][item.image], item.activations, interpretation.grid, peak), item.of)
                    for item in top
                ]
    return found
