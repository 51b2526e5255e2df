"""Attribution patching: the metric's gradient on the clean run, times the difference between the runs.

Nanda 2023 ("Attribution patching"); AtP of Kramár et al. 2024 (arXiv 2403.00745). Integrated gradients with a single
point, at the clean end: one backward pass serves all sites, and only what is linear is exact.
"""

from collections.abc import Sequence

import torch

from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch

EMBED = Site("embed")


def attribution_patching(model: Model, batch: PairBatch, sites: Sequence[Site], steps: int) -> dict[Site, SiteGradient]:
    """Return, at each site, both runs' activations and the metric's gradient on the clean run; `steps` has no part."""
    with torch.no_grad():
        patch = run(model, batch.patch, read=sites).activations
    # The embeddings need a gradient in order that what is computed of them has one.
    clean = run(model, batch.clean, read=sites, edit={EMBED: lambda x: x.requires_grad_()}, logits="last")
    metric = logit_difference(clean.logits[:, -1], batch).sum()
    gradients = torch.autograd.grad(metric, [clean.activations[site] for site in sites])
    return {
        site: SiteGradient(clean.activations[site].detach(), patch[site], gradient)
        for site, gradient in zip(sites, gradients, strict=True)
    }
