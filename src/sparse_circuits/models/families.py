"""Where each family of causal language models keeps the modules behind our sites."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.site import Site
from sparse_circuits.config.yaml_file import read_yaml


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


FAMILIES = {kind: Family(**names) for kind, names in read_yaml(Path(__file__).with_suffix(".yaml")).items()}


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
