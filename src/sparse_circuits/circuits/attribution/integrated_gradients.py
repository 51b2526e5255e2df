"""Integrated gradients on activations: each site's own straight path from clean to patch.

Sundararajan et al. 2017 (arXiv 1703.01365); on activations, Marks et al. 2024 (arXiv 2403.19647). Decoding is linear,
so moving features and error together from clean to patch moves the activation x along the straight line between the
two, and the gradient of a feature is its decoder row times the gradient of x. One mean gradient of x serves all nodes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run, standing
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch


def integrated_gradients(model: Model, batch: PairBatch, sites: Sequence[Site], steps: int) -> dict[Site, SiteGradient]:
    """Return, at each site, the activations of both runs and the metric's gradient averaged over the path between them.

    The integral over the path is a Gauss-Legendre sum of `steps` points. All points and pairs are one batch, which
    begins at the site where that is residual. The sum of gradient x (patch - clean) over a site that cuts the network
    is metric(patch) - metric(clean).
    """
    with torch.no_grad():
        clean = run(model, batch.clean, read=sites).activations
        patch = run(model, batch.patch, read=sites).activations
    return {
        site: SiteGradient(
            clean[site], patch[site], _mean_gradient(model, batch, site, clean[site], patch[site], steps)
        )
        for site in sites
    }


def _mean_gradient(model: Model, batch: PairBatch, site: Site, clean: Tensor, patch: Tensor, steps: int) -> Tensor:
    points, weights = path_points(steps, clean.device)
    path = torch.lerp(clean, patch, points.view(-1, 1, 1, 1)).flatten(0, 1).requires_grad_()
    logits = run(model, batch.clean.repeat(steps, 1), **standing(site, path), logits="last").logits
    (gradient,) = torch.autograd.grad(logit_difference(logits[:, -1], batch.repeat(steps)).sum(), path)
    return path_mean(gradient, weights)


def path_points(steps: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the points in (0, 1) and the weights (sum 1) of Gauss-Legendre quadrature, two of (steps,)."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    mapped, halved = (torch.tensor(v, dtype=torch.float32, device=device) for v in ((points + 1) / 2, weights / 2))
    return mapped, halved


def path_mean(gradient: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean over the path of gradients (step * pair, ...): (pair, ...)."""
    return torch.tensordot(weights, gradient.unflatten(0, (len(weights), -1)), dims=1)
