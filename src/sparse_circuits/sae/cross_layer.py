"""A trained cross-layer transcoder: what it computes, and its folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.sae.autoencoder import SparseAutoencoder, read_tensors, save_sparsity, save_tensors

ARCHITECTURE = "cross_layer_transcoder"


@dataclass(frozen=True)
class CrossLayerTranscoder:
    """ŷ_l = b_dec_l + Σ_{m ≤ l} f_m W_dec_m,l: features f_m = act(x_m W_enc_m + b_enc_m) write to all later layers.

    After Ameisen et al. 2025 ("Circuit tracing"). `layers` are transcoders without bias, whose W_dec (d_sae, sum of the
    widths written to from that layer on) holds the layers side by side; b_dec (d_out,) is one an output. Activations of
    several layers, and features, stand side by side in the last axis.
    """

    layers: list[SparseAutoencoder]
    b_dec: list[Tensor]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """The name it is saved under."""
        return ARCHITECTURE

    @property
    def width(self) -> int:
        """Number of features of all layers."""
        return sum(layer.width for layer in self.layers)

    @property
    def d_in(self) -> int:
        """Widths of the activations read, summed."""
        return sum(layer.d_in for layer in self.layers)

    @property
    def decoders(self) -> list[Tensor]:
        """W_dec of each layer."""
        return [layer.W_dec for layer in self.layers]

    def encode(self, x: Tensor) -> Tensor:
        """Return dense features (..., width) of what all layers read (..., d_in)."""
        rows = x.split([layer.d_in for layer in self.layers], dim=-1)
        return torch.cat([layer.encode(one) for layer, one in zip(self.layers, rows, strict=True)], dim=-1)

    def decode(self, features: Tensor) -> Tensor:
        """Return what is predicted of all outputs (..., sum of what is written) from features (..., width)."""
        outputs = list(self.b_dec)
        for number, part in enumerate(features.split([layer.width for layer in self.layers], dim=-1)):
            for later, written in enumerate(self._written(number, part), number):
                outputs[later] = outputs[later] + written
        return torch.cat(outputs, dim=-1)

    def written_by(self, number: int, x: Tensor) -> Sequence[Tensor]:
        """Return what layer `number`, which reads x (..., d_in), writes from its own output on, each (..., d_out)."""
        return self._written(number, self.layers[number].encode(x))

    def _written(self, number: int, features: Tensor) -> Sequence[Tensor]:
        return (features @ self.layers[number].W_dec).split([len(bias) for bias in self.b_dec[number:]], dim=-1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what is predicted of all outputs from what all layers read (..., d_in)."""
        return self.decode(self.encode(x))

    def to(self, device: torch.device) -> "CrossLayerTranscoder":
        """Move all weights to a device."""
        return CrossLayerTranscoder(
            [layer.to(device) for layer in self.layers], [bias.to(device) for bias in self.b_dec], self.metadata
        )


def save_cross_layer(folder: Path, coder: CrossLayerTranscoder, firing_share: Tensor) -> None:
    """Publish cfg.json, sae_weights.safetensors and sparsity.safetensors (log10 of each feature's firing share).

    Tensors have names and shapes of circuit-tracer's folders: W_enc_l (d_sae, d_in), W_dec_l (d_sae, outputs, d_out),
    b_enc_l, b_dec_l and threshold_l, here in one file.
    """
    tensors: dict[str, Tensor] = {}
    for number, (layer, bias) in enumerate(zip(coder.layers, coder.b_dec, strict=True)):
        tensors |= {
            f"W_enc_{number}": layer.W_enc.T,
            f"b_enc_{number}": layer.b_enc,
            f"b_dec_{number}": bias,
            f"W_dec_{number}": layer.W_dec.unflatten(1, (len(coder.layers) - number, len(bias))),
        }
        if layer.threshold is not None:
            tensors[f"threshold_{number}"] = layer.threshold
    first = coder.layers[0]
    config = {
        "architecture": ARCHITECTURE,
        "layer_architecture": first.architecture,
        "layers": len(coder.layers),
        "d_in": first.d_in,
        "d_sae": first.width,
        "d_out": len(coder.b_dec[0]),
        "k": first.k,
        "metadata": coder.metadata,
    }
    save_tensors(folder / "sae_weights.safetensors", tensors)
    save_sparsity(folder, firing_share)
    write_json(folder / "cfg.json", config)


def load_cross_layer(folder: Path) -> CrossLayerTranscoder:
    """Load the folder of a cross-layer transcoder; raise StudyError when it holds something else."""
    where = folder / "cfg.json"
    config = read_json(where)
    if config.get("architecture") != ARCHITECTURE:
        raise StudyError(f"{where}: architecture {config.get('architecture')!r}, expected {ARCHITECTURE}")
    tensors = read_tensors(folder / "sae_weights.safetensors")
    try:
        layers = [
            SparseAutoencoder(
                config["layer_architecture"],
                W_enc=tensors[f"W_enc_{number}"].T,
                b_enc=tensors[f"b_enc_{number}"],
                W_dec=tensors[f"W_dec_{number}"].flatten(1),
                b_dec=torch.zeros(tensors[f"W_dec_{number}"][0].numel()),
                k=config["k"],
                threshold=tensors.get(f"threshold_{number}"),
                centred=False,
            )
            for number in range(config["layers"])
        ]
        biases = [tensors[f"b_dec_{number}"] for number in range(config["layers"])]
    except KeyError as error:
        raise StudyError(f"{where}: no {error}, which {ARCHITECTURE} needs") from None
    return CrossLayerTranscoder(layers, biases, config["metadata"])
