"""Whatever reads activations as features and writes activations: autoencoders, transcoders, crosscoders."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.config.site import HOOKS
from sparse_circuits.sae.autoencoder import SparseAutoencoder, load_autoencoder, save_autoencoder
from sparse_circuits.sae.cross_layer import ARCHITECTURE, CrossLayerTranscoder, load_cross_layer, save_cross_layer

Coder = SparseAutoencoder | CrossLayerTranscoder


def save_coder(folder: Path, coder: Coder, firing_share: Tensor) -> None:
    """Publish cfg.json, sae_weights.safetensors and sparsity.safetensors of the firing share (features,)."""
    if isinstance(coder, CrossLayerTranscoder):
        save_cross_layer(folder, coder, firing_share)
    else:
        save_autoencoder(folder, coder, firing_share)


def load_coder(folder: Path, reads: Sequence[str], d_in: int) -> Coder:
    """Load a folder; raise StudyError when it reads other sites than `reads`, or another width than their sum, d_in."""
    config = read_json(folder / "cfg.json")
    hook = HOOKS.join(reads)
    if config.get("architecture") != ARCHITECTURE:
        return load_autoencoder(folder, hook, d_in)
    coder = load_cross_layer(folder)
    if coder.metadata.get("hook_name") != hook:
        raise StudyError(f"{folder}/cfg.json: trained on {coder.metadata.get('hook_name')}, asked to serve {hook}")
    if coder.d_in != d_in:
        raise StudyError(f"{folder}/cfg.json: reads a width of {coder.d_in}, the model's activations have {d_in}")
    return coder
