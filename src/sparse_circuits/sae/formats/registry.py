"""The formats of published autoencoders, and how one becomes our folder. A new one is one file and one line here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from sparse_circuits.base.files import publishing
from sparse_circuits.config.catalogue import PublishedSAE
from sparse_circuits.sae.autoencoder import SparseAutoencoder, save_autoencoder
from sparse_circuits.sae.formats import dictionary_learning, gemma_scope, saelens, sparsify
from sparse_circuits.sae.train import LOG_COLUMNS

FORMATS: dict[str, Callable[[list[Path]], SparseAutoencoder]] = {
    "saelens": saelens.read,
    "gemma_scope": gemma_scope.read,
    "dictionary_learning": dictionary_learning.read,
    "sparsify": sparsify.read,
}


def convert_published(entry: PublishedSAE, files: list[Path], model: str, site: str, folder: Path) -> None:
    """Write the fetched autoencoder to `folder`, with a training.csv that has a header and no rows.

    How often its features fire is not published, so that is written as unknown (1: never counted as dead). Metadata of
    the publisher's is left out: hook names differ between libraries.
    """
    metadata = {"model_name": model, "hook_name": site, "licence": entry.licence}
    sae = replace(FORMATS[entry.format](files), metadata=metadata)
    save_autoencoder(folder, sae, torch.ones(sae.width))
    with publishing(folder / "training.csv") as temporary:
        temporary.write_text(",".join(LOG_COLUMNS) + "\n", encoding="utf-8")
