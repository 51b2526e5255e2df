from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.sae_stability import SAEStability
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.sae.autoencoder import load_autoencoder
from sparse_circuits.sae.stability import compare_decoders


@dataclass(frozen=True)
class Files:
    sae: Folder  # folder of an autoencoder
    others: list[Folder]  # folders of those that it is compared with
    stability: Path  # JSON file to write


def step(files: Files, compute: Compute) -> None:
    """Tell how much sparse autoencoders agree on the features, such as those that differ in their seed alone."""
    compute.start()
    decoder = load_autoencoder(files.sae).W_dec
    others = {folder.name: compare_decoders(decoder, load_autoencoder(folder).W_dec) for folder in files.others}
    SAEStability(sae=files.sae.name, others=others).write(files.stability)
