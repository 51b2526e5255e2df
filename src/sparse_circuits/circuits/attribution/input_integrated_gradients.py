"""Integrated gradients on inputs: one path, from the clean to the patch embeddings, for all sites at once.

EAP-IG (inputs) of Hanna et al. 2024 (arXiv 2403.17806): the gradient at every site is averaged along the path of the
embeddings and multiplied with the site's own difference. One backward pass gives all sites, whatever their number; the
scores of a cut need not add up to the total effect.
"""

from collections.abc import Sequence

import torch

from sparse_circuits.circuits.attribution.integrated_gradients import path_mean, path_points
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch

EMBED = Site("embed")


def input_integrated_gradients(
    model: Model, batch: PairBatch, sites: Sequence[Site], steps: int
) -> dict[Site, SiteGradient]:
    """Return, at each site, both runs' activations and the metric's gradient averaged over the embeddings' path."""
    with torch.no_grad():
        clean = run(model, batch.clean, read=[EMBED, *sites]).activations
        patch = run(model, batch.patch, read=[EMBED, *sites]).activations
    points, weights = path_points(steps, model.device)
    path = torch.lerp(clean[EMBED], patch[EMBED], points.view(-1, 1, 1, 1)).flatten(0, 1).requires_grad_()
    got = run(model, batch.clean.repeat(steps, 1), read=sites, edit={EMBED: lambda _: path}, logits="last")
    metric = logit_difference(got.logits[:, -1], batch.repeat(steps)).sum()
    gradients = torch.autograd.grad(metric, [got.activations[site] for site in sites])
    return {
        site: SiteGradient(clean[site], patch[site], path_mean(gradient, weights))
        for site, gradient in zip(sites, gradients, strict=True)
    }
