"""Integrated gradients on inputs: one path, from the clean to the patch embeddings, for all sites at once.

EAP-IG (inputs) of Hanna et al. 2024 (arXiv 2403.17806): the gradient at every site is averaged along the path of the
embeddings and multiplied with the site's own difference. One backward pass a step gives all sites, whatever their
number; the scores of a cut need not add up to the metric gap.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_circuits.circuits.attribution.integrated_gradients import path_points
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.config import Site
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import Edit
from sparse_circuits.tasks import PairBatch, logit_difference

EMBED = Site("embed")


def input_integrated_gradients(
    language: Language, batch: PairBatch, sites: Sequence[Site], steps: int
) -> dict[Site, SiteGradient]:
    """Return, at each site, both runs' activations and the metric's gradient averaged over the embeddings' path."""
    with torch.no_grad():
        clean = run(language, batch.clean, read=[EMBED, *sites]).activations
        patch = run(language, batch.patch, read=[EMBED, *sites]).activations
    sums = {site: torch.zeros_like(clean[site]) for site in sites}
    points, weights = path_points(steps, language.device)
    for point, weight in zip(points, weights, strict=True):
        embedding = torch.lerp(clean[EMBED], patch[EMBED], point).requires_grad_()
        got = run(language, batch.clean, read=sites, edit={EMBED: _always(embedding)}, logits="last")
        for site, gradient in _gradients(got.logits, got.activations, batch).items():
            sums[site] += weight * gradient
    return {site: SiteGradient(clean[site], patch[site], sums[site]) for site in sites}


def _always(activation: Tensor) -> Edit:
    return lambda _: activation


def _gradients(logits: Tensor | None, activations: dict[Site, Tensor], batch: PairBatch) -> dict[Site, Tensor]:
    assert logits is not None
    metric = logit_difference(logits[:, -1], batch).sum()
    return dict(zip(activations, torch.autograd.grad(metric, list(activations.values())), strict=True))
