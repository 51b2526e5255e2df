"""The pictures of features: the images on which each is most active, with the patches that it is active on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sparse_circuits.base.files import read_json
from sparse_circuits.figures.heat_map import heat_map

Picture = tuple[NDArray[np.uint8], str]  # colours (height, width, 3), and the image's class


def read_pictures(images: Path, interpretations: Sequence[Path], count: int) -> dict[str, list[Picture]]:
    """Return, by feature, the first `count` top images as heat maps; each feature's strongest patch is the warmest.

    `images` is the HDF5 file of a corpus, `interpretations` are those of a vision model's sites.
    """
    found: dict[str, list[Picture]] = {}
    with h5py.File(images) as file:
        for path in interpretations:
            interpretation: dict[str, Any] = read_json(path)
            rows, columns = interpretation["grid"]
            for node in interpretation["nodes"]:
                top = node.get("top", [])[:count]
                peak = max((value for item in top for value in item["activations"]), default=0.0)
                maps = (
                    heat_map(file["images"][one["image"]], one["activations"], (rows, columns), peak) for one in top
                )
                found[node["id"]] = [(colours, item["class"]) for colours, item in zip(maps, top, strict=True)]
    return found
