"""What ablating each node would do to a metric, to first order: one backward pass for all nodes (attribution patching
towards zero, Nanda 2023)."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Basis
from sparse_circuits.config.site import Site
from sparse_circuits.models.intervention import compose
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, Run, run


def first_order_effects(
    model: Model,
    basis: Basis,
    tokens: Tensor,
    metric: Callable[[Run], Tensor],
    intervention: Mapping[Site, Edit],
    logits: Literal["last", "none"] = "none",
    read: Site | None = None,
) -> dict[Site, Tensor]:
    """Return what the ablation of each node by itself adds to a metric of tokens (text, position): (width,) a site.

    Nodes count at all positions but the separator's, as they are under the intervention. `metric` maps a pass, with
    logits or with the activation of the site `read`, to a number.
    """
    sites = sorted(basis, key=lambda site: site.order)
    starting: dict[Site, Edit] = {sites[0]: lambda x: x.detach().requires_grad_()}
    with torch.enable_grad():
        found = run(
            model,
            tokens.to(model.device),
            read=[*sites, *([read] if read else [])],
            edit=compose([intervention, starting]),
            logits=logits,
        )
        activations = [found.activations[site] for site in sites]
        gradients = torch.autograd.grad(metric(found), activations)
    effects = {}
    for site, x, gradient in zip(sites, activations, gradients, strict=True):
        coordinates = basis[site].read(x.detach()[:, 1:])
        effects[site] = -(coordinates * basis[site].pull(gradient[:, 1:])).sum(dim=(0, 1)).cpu()
    return effects
