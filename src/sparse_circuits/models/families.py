"""Where each family of causal language models keeps the modules behind our sites."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.site import Site


@dataclass(frozen=True)
class Family:
    """Names of modules: the first three from the model, the others from one layer; a convolutional network has none."""

    embed: str
    layers: str
    final_norm: str | None = None
    attn: str | None = None
    attn_down: str | None = None
    mlp_in: str | None = None  # the MLP itself, whose input it is
    mlp: str | None = None
    mlp_down: str | None = None
    of_layers: bool = False  # whether layers differ in width, which config.width_at tells
    separated: bool = True  # whether the model itself has a separator, or a place for one, at position 0


_LLAMA = Family(
    embed="model.embed_tokens",
    layers="model.layers",
    final_norm="model.norm",
    attn="self_attn",
    attn_down="self_attn.o_proj",
    mlp_in="mlp",
    mlp="mlp",
    mlp_down="mlp.down_proj",
)

# Gemma 2 and 3 normalise what attention and MLP write before they add it to the residual stream.
_GEMMA = replace(_LLAMA, attn="post_attention_layernorm", mlp="post_feedforward_layernorm")

_GPT2 = Family(
    embed="transformer.drop",
    layers="transformer.h",
    final_norm="transformer.ln_f",
    attn="attn",
    attn_down="attn.c_proj",
    mlp_in="mlp",
    mlp="mlp",
    mlp_down="mlp.c_proj",
)


def _classifier(attn_down: str, attn: str, mlp: str = "mlp") -> dict[str, Any]:
    """What image classifiers of the hub have in common (`models.classifiers`)."""
    names = {"attn": attn, "attn_down": attn_down, "mlp_in": "mlp", "mlp": mlp, "mlp_down": "mlp.fc2"}
    return {**names, "separated": False}


# By the `model_type` of the model's config.json.
FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma2": _GEMMA,
    "gemma3_text": _GEMMA,
    "gpt_neox": Family(
        embed="gpt_neox.embed_in",
        layers="gpt_neox.layers",
        final_norm="gpt_neox.final_layer_norm",
        attn="attention",
        attn_down="attention.dense",
        mlp_in="mlp",
        mlp="mlp",
        mlp_down="mlp.dense_4h_to_h",
    ),
    "gpt2": _GPT2,
    # Trained here (`models.weight_sparse`), with GPT-2's names.
    "weight_sparse_gpt": _GPT2,
    "small_vit": _GPT2,
    "mobilenet": Family(embed="pixels", layers="features", of_layers=True),
    "vit": Family(
        **_classifier("attention.o_proj", "attention"),
        layers="inner.vit.layers",
        embed="inner.vit.embeddings",
        final_norm="inner.vit.layernorm",
    ),
    # DINOv2 scales what attention and MLP write before it adds it to the residual stream.
    "dinov2": Family(
        **_classifier("attention.o_proj", "layer_scale1", mlp="layer_scale2"),
        layers="inner.dinov2.encoder.layer",
        embed="inner.dinov2.embeddings",
        final_norm="inner.dinov2.layernorm",
    ),
    # CLIP's classifier reads the mean of the patches as they are, without a norm.
    "clip_vision_model": Family(
        **_classifier("self_attn.out_proj", "self_attn"),
        layers="inner.vision_model.encoder.layers",
        embed="inner.vision_model.pre_layrnorm",
    ),
}


def site_width(model: nn.Module, family: Family, d_model: int, site: Site) -> int:
    """Return the width of the activations at a site."""
    module, at_input = locate(model, family, site)
    if family.of_layers:
        config: Any = model.config
        return int(config.width_at(site.layer))
    if not at_input or site.kind == "mlp_in":
        return d_model
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    # The matrix maps the site to d_model; linear layers store it (d_model, width), GPT-2's the other way round.
    return weight.numel() // d_model


def norm_scale(norm: nn.Module) -> torch.Tensor:
    """Return what a norm multiplies each dimension by: (d_model,)."""
    assert isinstance(norm.weight, torch.Tensor)
    # Gemma stores its norms' scales less one.
    return norm.weight + 1 if "Gemma" in type(norm).__name__ else norm.weight


def locate(model: nn.Module, family: Family, site: Site) -> tuple[nn.Module, bool]:
    """Return the module of a site, and whether the site is the module's input (else its output).

    Raises StudyError when the family has no such place.
    """
    if site.kind == "embed":
        return model.get_submodule(family.embed), False
    layers = list(model.get_submodule(family.layers).children())
    if site.layer >= len(layers):
        raise StudyError(f"site {site}: the model has {len(layers)} layers, 0 to {len(layers) - 1}")
    layer = layers[site.layer]
    if site.kind == "resid_post":
        return layer, False
    name = {
        "heads": family.attn_down,
        "attn_out": family.attn,
        "mlp_in": family.mlp_in,
        "mlp_neurons": family.mlp_down,
        "mlp_out": family.mlp,
    }[site.kind]
    if name is None:
        raise StudyError(f"site {site}: {type(model).__name__} has no attention and no MLPs; its sites are resid_post")
    return layer.get_submodule(name), site.kind in ("heads", "mlp_in", "mlp_neurons")
