"""Folders of SAELens, of any version that has cfg.json and sae_weights.safetensors.

What SAELens leaves for run time is folded into the weights, where that is exact. `reshape_activations: hook_z` needs
nothing: SAELens joins the heads of one position, first head first, and that is what our site `heads` holds.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.sae.autoencoder import SparseAutoencoder, from_saelens, read_tensors
from sparse_circuits.sae.formats.fetched import one


def read(files: list[Path]) -> SparseAutoencoder:
    """Read cfg.json and sae_weights.safetensors, in any precision.

    Raises StudyError when the architecture is not one of ours, or rows are normalised in a way no weights can express.
    """
    path = one(files, "cfg.json")
    tensors = read_tensors(one(files, "sae_weights.safetensors"))
    config = _in_version_6(read_json(path), tensors, path)
    sae = from_saelens(config, tensors, str(path))
    if config.get("normalize_activations", "none") != "none":
        scale = _scale(config, path)
        sae = replace(sae, W_enc=sae.W_enc * scale, W_dec=sae.W_dec / scale, b_dec=sae.b_dec / scale)
    # Such a TopK autoencoder ranks features times row lengths: of unit rows, it ranks the features.
    return sae.with_unit_rows() if config.get("rescale_acts_by_decoder_norm") else sae


def _in_version_6(config: dict[str, Any], tensors: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """Return the configuration in the terms of SAELens 6; before, the version stood beside the architecture."""
    version = config.get("metadata", {}).get("sae_lens_version") or "0"
    if int(version.partition(".")[0]) >= 6:
        return config
    if "scaling_factor" in tensors and (tensors["scaling_factor"] != 1).any():
        raise StudyError(f"{path}: finetuning_scaling_factor, which SAELens 6 no longer has, cannot be read")
    activation = config.get("activation_fn_str", config.get("activation_fn", "relu"))
    settings = config.get("activation_fn_kwargs") or {}
    if activation not in ("relu", "topk"):
        raise StudyError(f"{path}: activation function {activation!r}; relu and topk can be read")
    upgraded = {"architecture": "standard", **config}
    if activation == "topk":
        upgraded |= {"architecture": "topk", "k": settings.get("k")}
    normalise = config.get("normalize_activations")
    if isinstance(normalise, bool) or normalise is None:
        upgraded["normalize_activations"] = "expected_average_only_in" if normalise else "none"
    return upgraded


def _scale(config: dict[str, Any], path: Path) -> float:
    """The factor that an unfinished training multiplies its inputs with; SAELens folds it in itself when it ends."""
    scaler = path.with_name("activation_scaler.json")
    if config["normalize_activations"] != "expected_average_only_in" or not scaler.exists():
        raise StudyError(
            f"{path}: normalize_activations {config['normalize_activations']!r} cannot be folded into the weights; "
            f"`none` can be read, and `expected_average_only_in` with {scaler.name} beside it"
        )
    return float(read_json(scaler)["scaling_factor"])
