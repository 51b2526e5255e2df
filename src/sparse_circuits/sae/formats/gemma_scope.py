"""params.npz of Gemma Scope (Lieberum et al. 2024, arXiv 2408.05147): JumpReLU, the input not centred."""

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.sae.autoencoder import SparseAutoencoder, from_saelens
from sparse_circuits.sae.formats.fetched import one


def read(files: list[Path]) -> SparseAutoencoder:
    """Read the arrays, which have SAELens' names and shapes. Raises StudyError when one is missing or misshapen."""
    path = one(files, "*.npz")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found: dict[str, Tensor] = {name: torch.from_numpy(arrays[name]).float() for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise StudyError(f"{path.name}: not an archive of arrays ({error})") from None
    if "W_enc" not in found:
        raise StudyError(f"{path.name}: no array W_enc; is it a Gemma Scope SAE?")
    d_in, d_sae = found["W_enc"].shape
    config = {"architecture": "jumprelu", "d_in": d_in, "d_sae": d_sae, "apply_b_dec_to_input": False}
    return from_saelens(config, found, path.name)
