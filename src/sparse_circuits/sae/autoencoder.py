"""A trained sparse autoencoder or transcoder: what it computes, and its folder (SAELens 6 layout)."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing, read_json, write_json
from sparse_circuits.sae.sparse import largest

SAELENS_VERSION = "6.54.12"  # the release whose format is written
NEVER_FIRED = -10.0  # log10 of the firing share that is written for a feature that never fired
SMALLEST_NORM = 1e-8  # of a decoder's row, to divide by; dead features may have shorter ones

# SAELens' names, but for the last two, which it does not have. BatchTopK and Matryoshka are jumprelu once trained.
Architecture = Literal[
    "standard", "gated", "topk", "jumprelu", "transcoder", "skip_transcoder", "jumprelu_transcoder",
    "jumprelu_skip_transcoder", "topk_transcoder", "topk_skip_transcoder",
]  # fmt: skip


@dataclass(frozen=True)
class SparseAutoencoder:
    """f = act((x - b_dec) W_enc + b_enc), x̂ = f W_dec + b_dec, in fp32 and in the units of the model.

    W_enc (d_in, d_sae), b_enc (d_sae,), W_dec (d_sae, d_out), b_dec (d_out,). `act` rectifies; with `k` it keeps the k
    largest first, with `threshold` (d_sae,) only what exceeds it. The rows of W_dec that are trained here have unit
    length. A transcoder predicts another activation, of width d_out, from x: b_dec is not taken off x, and W_skip
    (d_out, d_in), where there is one, adds x W_skipᵀ to x̂ (Dunefsky et al. 2024, arXiv 2406.11944; Paulo et al. 2025,
    arXiv 2501.18823).

    A gated autoencoder is held as the JumpReLU that computes the same (`ungated`).
    """

    architecture: Architecture
    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    k: int | None = None
    threshold: Tensor | None = None
    centred: bool = True  # whether b_dec is taken off the input
    W_skip: Tensor | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.is_transcoder and self.centred:
            raise ValueError(f"{self.architecture}: b_dec belongs to the output; centred must be False")

    @property
    def width(self) -> int:
        """Number of features, d_sae."""
        return self.W_enc.shape[1]

    @property
    def d_in(self) -> int:
        """Width of the activations read."""
        return self.W_enc.shape[0]

    @property
    def decoders(self) -> list[Tensor]:
        """The one decoder; a cross-layer transcoder has one a layer."""
        return [self.W_dec]

    @property
    def is_transcoder(self) -> bool:
        """Whether another activation than the input is predicted."""
        return self.architecture.endswith("transcoder")

    def encode(self, x: Tensor) -> Tensor:
        """Return dense features (..., d_sae) of activations (..., d_in)."""
        if self.k is None:
            return self._before_selection(x).unflatten(0, x.shape[:-1])
        values, indices = self.encode_sparse(x)
        return values.new_zeros(*x.shape[:-1], self.width).scatter_(-1, indices, values)

    def encode_sparse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and indices (..., k) of the features that can be active; unused places hold a value of 0."""
        activations = self._before_selection(x)
        k = self.k or max(1, int((activations > 0).sum(dim=1).max()))
        values, indices = largest(activations, k)
        return values.relu_().unflatten(0, x.shape[:-1]), indices.unflatten(0, x.shape[:-1])

    def _before_selection(self, x: Tensor) -> Tensor:
        """Rows (row, d_sae) of features; of pre-activations, where only the k largest will need rectifying."""
        rows = x.reshape(-1, x.shape[-1])
        pre = torch.nn.functional.linear(rows - self.b_dec if self.centred else rows, self.W_enc.T, self.b_enc)
        if self.k is not None:
            return pre
        return pre.relu() if self.threshold is None else pre.relu() * (pre > self.threshold)

    def decode(self, features: Tensor) -> Tensor:
        """Return the reconstruction (..., d_out) of dense features, without what W_skip adds."""
        return features @ self.W_dec + self.b_dec

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return x̂ (..., d_out) of activations (..., d_in), with what W_skip adds."""
        decoded = self.decode(self.encode(x))
        return decoded if self.W_skip is None else decoded + x @ self.W_skip.T

    def with_unit_rows(self) -> "SparseAutoencoder":
        """Return it with rows of W_dec of unit length and features scaled to match.

        The same function, but for topk: the k largest are then those whose features times row lengths are largest.
        """
        norms = self.W_dec.norm(dim=1).clamp(min=SMALLEST_NORM)
        return replace(
            self,
            W_enc=self.W_enc * norms,
            b_enc=self.b_enc * norms,
            W_dec=self.W_dec / norms.unsqueeze(1),
            threshold=None if self.threshold is None else self.threshold * norms,
        )

    def to(self, device: torch.device) -> "SparseAutoencoder":
        """Move all weights to a device."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in self.__dict__.items() if isinstance(v, Tensor)}
        return replace(self, **moved)


def transcoder_of(architecture: Architecture, skips: bool) -> Architecture:
    """Return the name of a transcoder whose features are those of an autoencoder's architecture."""
    kind = "skip_transcoder" if skips else "transcoder"
    # Gated ones are held as the JumpReLU that computes the same, for SAELens has no gated transcoder.
    prefix = {"standard": "", "gated": "jumprelu_"}.get(architecture, f"{architecture}_")
    names: dict[str, Architecture] = {name: name for name in get_args(Architecture)}
    return names[prefix + kind]


def ungated(W_enc: Tensor, r_mag: Tensor, b_gate: Tensor, b_mag: Tensor) -> dict[str, Tensor]:
    """Return W_enc, b_enc and threshold of the JumpReLU autoencoder that computes the same as a gated one.

    A gated feature is relu(z e^r_mag + b_mag) where z + b_gate > 0, with z = x W_enc. That inequality says that the
    magnitude exceeds b_mag - b_gate e^r_mag (Rajamanoharan et al. 2024, arXiv 2404.16014, section 3.2).
    """
    scale = r_mag.exp()
    return {"W_enc": W_enc * scale, "b_enc": b_mag, "threshold": b_mag - b_gate * scale}


def tensor_shapes(architecture: Architecture, d_in: int, d_sae: int, d_out: int) -> dict[str, tuple[int, ...]]:
    """Return the tensors that SAELens keeps for an architecture, with their shapes."""
    shapes: dict[str, tuple[int, ...]] = {"W_enc": (d_in, d_sae), "W_dec": (d_sae, d_out), "b_dec": (d_out,)}
    biases = ("b_gate", "b_mag", "r_mag") if architecture == "gated" else ("b_enc",)
    shapes |= dict.fromkeys(biases, (d_sae,))
    if architecture.startswith("jumprelu"):
        shapes["threshold"] = (d_sae,)
    if "skip" in architecture:
        shapes["W_skip"] = (d_out, d_in)
    return shapes


def save_autoencoder(folder: Path, sae: SparseAutoencoder, firing_share: Tensor) -> None:
    """Publish cfg.json, sae_weights.safetensors and sparsity.safetensors (log10 of each feature's firing share)."""
    d_in, d_out = sae.W_enc.shape[0], sae.W_dec.shape[1]
    # SAELens has no TopK transcoder. One that keeps the width is to it a TopK autoencoder that takes no b_dec off the
    # input. The others are written under names that it refuses, not under ones that it would compute wrongly.
    architecture = "topk" if sae.architecture == "topk_transcoder" and d_in == d_out else sae.architecture
    config: dict[str, Any] = {
        "architecture": architecture,
        "d_in": d_in,
        "d_sae": sae.width,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": sae.centred,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": SAELENS_VERSION, **sae.metadata},
    }
    if architecture.endswith("transcoder"):
        config["d_out"] = d_out
    if sae.k is not None:
        config |= {"k": sae.k, "rescale_acts_by_decoder_norm": False}
    available = {name: value for name, value in sae.__dict__.items() if isinstance(value, Tensor)}
    if sae.architecture == "gated":
        assert sae.threshold is not None
        available |= {"b_gate": sae.b_enc - sae.threshold, "b_mag": sae.b_enc, "r_mag": torch.zeros_like(sae.b_enc)}
    names = tensor_shapes(sae.architecture, d_in, sae.width, d_out)
    save_tensors(folder / "sae_weights.safetensors", {name: available[name] for name in names})
    save_sparsity(folder, firing_share)
    write_json(folder / "cfg.json", config)


def save_sparsity(folder: Path, firing_share: Tensor) -> None:
    """Publish sparsity.safetensors: log10 of each feature's firing share (d_sae,)."""
    save_tensors(folder / "sparsity.safetensors", {"sparsity": firing_share.clamp(min=10**NEVER_FIRED).log10()})


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Publish tensors as a safetensors file, in fp32."""
    with publishing(path) as temporary:
        save_file({name: tensor.float().cpu().contiguous() for name, tensor in tensors.items()}, temporary)


def load_autoencoder(folder: Path, site: str | None = None, d_in: int | None = None) -> SparseAutoencoder:
    """Load the folder of an autoencoder or transcoder.

    Raises StudyError when it was trained for another site or width than asked for, or holds what is not supported.
    """
    where = folder / "cfg.json"
    config = read_json(where)
    trained_on = config.get("metadata", {}).get("hook_name")
    if site is not None and trained_on not in (None, site):
        raise StudyError(f"{where}: trained on {trained_on}, asked to serve {site}")
    if config.get("normalize_activations", "none") != "none":
        raise StudyError(f"{where}: normalize_activations must be folded away (`none`)")
    if config.get("rescale_acts_by_decoder_norm"):
        raise StudyError(f"{where}: rescale_acts_by_decoder_norm must be folded away (false)")
    sae = from_saelens(config, read_tensors(folder / "sae_weights.safetensors"), str(where))
    if d_in is not None and sae.W_enc.shape[0] != d_in:
        raise StudyError(f"{where}: d_in is {config['d_in']}, the model's activations at {site} have width {d_in}")
    return sae


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file as fp32; raise StudyError that names it when it is missing or broken."""
    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise StudyError(f"{path}: not a safetensors file ({error})") from None


def from_saelens(config: dict[str, Any], tensors: dict[str, Tensor], where: str) -> SparseAutoencoder:
    """Return the autoencoder of a cfg.json and its tensors, fp32.

    Raises StudyError, naming `where`, when the architecture is unknown, or a key, a tensor or a shape is not its own.
    """
    architecture: Any = config.get("architecture")
    if architecture not in (known := get_args(Architecture)):
        raise StudyError(f"{where}: architecture {architecture!r}; {', '.join(known)} can be read")
    required = {"d_in", "d_sae"} | ({"d_out"} if architecture.endswith("transcoder") else set())
    required |= {"k"} if architecture.startswith("topk") else set()
    if missing := {key for key in required if config.get(key) is None}:
        raise StudyError(f"{where}: no {', '.join(sorted(missing))}, which {architecture} needs")
    shapes = tensor_shapes(architecture, config["d_in"], config["d_sae"], config.get("d_out", config["d_in"]))
    if absent := shapes.keys() - tensors.keys():
        raise StudyError(f"{where}: no tensor {', '.join(sorted(absent))}, which {architecture} needs")
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise StudyError(f"{where}: {name} has shape {tuple(tensors[name].shape)}, expected {shape}")
    weights: dict[str, Any] = {name: tensors[name] for name in shapes}
    if architecture == "gated":
        weights |= ungated(*(weights.pop(name) for name in ("W_enc", "r_mag", "b_gate", "b_mag")))
    return SparseAutoencoder(
        architecture,
        **weights,
        k=config["k"] if "k" in required else None,
        centred=config.get("apply_b_dec_to_input", not architecture.endswith("transcoder")),
        metadata=config.get("metadata", {}),
    )
