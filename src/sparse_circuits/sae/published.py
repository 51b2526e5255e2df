"""Published autoencoders turned into our folders."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.config.catalogue import PublishedSAE
from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing
from sparse_circuits.sae.autoencoder import SparseAutoencoder, load_autoencoder, save_autoencoder
from sparse_circuits.sae.train import LOG_COLUMNS


def convert_published(entry: PublishedSAE, files: list[Path], model: str, site: str, folder: Path) -> None:
    """Write the fetched autoencoder to `folder`, with a training.csv that has a header and no rows.

    How often its features fire is not published, so that is written as unknown (1: never counted as dead).
    """
    metadata = {"model_name": model, "hook_name": site, "licence": entry.licence}
    sae = FORMATS[entry.format](files, metadata)
    save_autoencoder(folder, sae, torch.ones(sae.width))
    with publishing(folder / "training.csv") as temporary:
        temporary.write_text(",".join(LOG_COLUMNS) + "\n", encoding="utf-8")


def _gemma_scope(files: list[Path], metadata: dict[str, Any]) -> SparseAutoencoder:
    """params.npz of Gemma Scope (Lieberum et al. 2024, arXiv 2408.05147): JumpReLU, the input not centred."""
    with np.load(_only(files, ".npz"), allow_pickle=False) as arrays:
        found: dict[str, Tensor] = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    if missing := {"W_enc", "b_enc", "W_dec", "b_dec", "threshold"} - found.keys():
        raise StudyError(
            f"{_only(files, '.npz').name}: no array {', '.join(sorted(missing))}; is it a Gemma Scope SAE?"
        )
    return SparseAutoencoder(
        architecture="jumprelu",
        W_enc=found["W_enc"],
        b_enc=found["b_enc"],
        W_dec=found["W_dec"],
        b_dec=found["b_dec"],
        threshold=found["threshold"],
        centred=False,
        metadata=metadata,
    )


def _saelens(files: list[Path], metadata: dict[str, Any]) -> SparseAutoencoder:
    """A folder of SAELens 6, whose metadata is replaced by ours: hook names differ between libraries."""
    folder = next((file.parent for file in files if file.name == "cfg.json"), None)
    if folder is None:
        raise StudyError(f"no cfg.json among {', '.join(file.name for file in files)}; is it an SAELens folder?")
    return replace(load_autoencoder(folder), metadata=metadata)


def _only(files: list[Path], suffix: str) -> Path:
    matching = [file for file in files if file.suffix == suffix]
    if len(matching) != 1:
        raise StudyError(f"expected one {suffix} file, found {len(matching)} among {', '.join(f.name for f in files)}")
    return matching[0]


FORMATS = {"gemma_scope": _gemma_scope, "saelens": _saelens}
