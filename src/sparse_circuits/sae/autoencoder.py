"""A trained sparse autoencoder: what it computes, and its folder (SAELens 6 layout)."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing, read_json, write_json
from sparse_circuits.sae.sparse import largest, pre_activations

SAELENS_VERSION = "6.54.12"  # the release whose format is written
NEVER_FIRED = -10.0  # log10 of the firing share that is written for a feature that never fired


@dataclass(frozen=True)
class SparseAutoencoder:
    """f = act((x - b_dec) W_enc + b_enc), x̂ = f W_dec + b_dec, in fp32 and in the units of the model.

    W_enc (d_in, d_sae), b_enc (d_sae,), W_dec (d_sae, d_in) with unit rows, b_dec (d_in,). `act` keeps the k largest
    and rectifies (topk) or keeps what exceeds `threshold` (d_sae,) (jumprelu).
    """

    architecture: Literal["topk", "jumprelu"]
    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    k: int | None = None
    threshold: Tensor | None = None
    centred: bool = True  # whether b_dec is taken off the input
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Number of features, d_sae."""
        return self.W_enc.shape[1]

    def encode(self, x: Tensor) -> Tensor:
        """Return dense features (..., d_sae) of activations (..., d_in)."""
        values, indices = self.encode_sparse(x)
        return values.new_zeros(*x.shape[:-1], self.width).scatter_(-1, indices, values)

    def encode_sparse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and indices (..., k) of the features that can be active; unused places hold a value of 0."""
        rows = x.reshape(-1, x.shape[-1])
        pre = pre_activations(rows - self.b_dec if self.centred else rows, self.W_enc.T, self.b_enc)
        if self.threshold is not None:
            pre = pre * (pre > self.threshold)
            k = max(1, int((pre != 0).sum(dim=1).max()))
        else:
            assert self.k is not None
            k = self.k
        values, indices = largest(pre, k)
        return values.relu_().unflatten(0, x.shape[:-1]), indices.unflatten(0, x.shape[:-1])

    def decode(self, features: Tensor) -> Tensor:
        """Return the reconstruction (..., d_in) of dense features."""
        return features @ self.W_dec + self.b_dec

    def to(self, device: torch.device) -> "SparseAutoencoder":
        """Move all weights to a device."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in self.__dict__.items() if isinstance(v, Tensor)}
        return replace(self, **moved)


def save_autoencoder(folder: Path, sae: SparseAutoencoder, firing_share: Tensor) -> None:
    """Publish cfg.json, sae_weights.safetensors and sparsity.safetensors (log10 of each feature's firing share)."""
    tensors = {"W_enc": sae.W_enc, "b_enc": sae.b_enc, "W_dec": sae.W_dec, "b_dec": sae.b_dec}
    config: dict[str, Any] = {
        "architecture": sae.architecture,
        "d_in": sae.W_enc.shape[0],
        "d_sae": sae.width,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": sae.centred,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": SAELENS_VERSION, **sae.metadata},
    }
    if sae.threshold is not None:
        tensors["threshold"] = sae.threshold
    else:
        config |= {"k": sae.k, "rescale_acts_by_decoder_norm": False}
    _save_tensors(folder / "sae_weights.safetensors", tensors)
    _save_tensors(
        folder / "sparsity.safetensors", {"sparsity": firing_share.clamp(min=10**NEVER_FIRED).log10().float()}
    )
    write_json(folder / "cfg.json", config)


def _save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    with publishing(path) as temporary:
        save_file({name: tensor.float().cpu().contiguous() for name, tensor in tensors.items()}, temporary)


def load_autoencoder(folder: Path, site: str | None = None, d_in: int | None = None) -> SparseAutoencoder:
    """Load the SAELens folder of a topk or jumprelu SAE.

    Raises StudyError when it was trained for another site or width than asked for, or holds what is not supported.
    """
    config = read_json(folder / "cfg.json")
    where = folder / "cfg.json"
    if config.get("architecture") not in ("topk", "jumprelu"):
        raise StudyError(f"{where}: architecture {config.get('architecture')!r}; topk and jumprelu can be read")
    trained_on = config.get("metadata", {}).get("hook_name")
    if site is not None and trained_on not in (None, site):
        raise StudyError(f"{where}: trained on {trained_on}, asked to serve {site}")
    if d_in is not None and config["d_in"] != d_in:
        raise StudyError(f"{where}: d_in is {config['d_in']}, the model's activations at {site} have width {d_in}")
    if config.get("normalize_activations", "none") != "none":
        raise StudyError(f"{where}: normalize_activations must be folded away (`none`)")
    if config.get("rescale_acts_by_decoder_norm"):
        raise StudyError(f"{where}: rescale_acts_by_decoder_norm must be folded away (false)")
    tensors = load_file(folder / "sae_weights.safetensors")
    return SparseAutoencoder(
        architecture=config["architecture"],
        W_enc=tensors["W_enc"],
        b_enc=tensors["b_enc"],
        W_dec=tensors["W_dec"],
        b_dec=tensors["b_dec"],
        k=config.get("k"),
        threshold=tensors.get("threshold"),
        centred=config.get("apply_b_dec_to_input", True),
        metadata=config.get("metadata", {}),
    )
