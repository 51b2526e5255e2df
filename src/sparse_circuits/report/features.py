"""The features of an autoencoder as the page's browser lists them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from sparse_circuits.base.wording import rounded


def sae_features(folder: Path, notes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the features of the autoencoder in `folder`: how often each is active, and what is known of some.

    `density` holds the share of training tokens on which each feature is active, in the order of features; of several
    layers' features one after the other. `described` maps a feature's number to its note.
    """
    site = folder.parent.name
    density = 10 ** load_file(folder / "sparsity.safetensors")["sparsity"].astype(np.float64).ravel()
    prefix = f"{site}/"
    return {
        "site": site,
        "name": folder.name,
        "density": [rounded(value) for value in density.tolist()],
        "described": {node.removeprefix(prefix): note for node, note in notes.items() if node.startswith(prefix)},
    }
