"""RelP: attribution patching whose gradient passes by rules of layer-wise relevance propagation.

Jafari et al. 2025 (arXiv 2508.21258). At the cost of one backward pass for all sites, like attribution patching, but
what saturates (norms, attention patterns, activation functions) is passed as the multiplication that it amounts to.
"""

from collections.abc import Sequence

from sparse_circuits.circuits.attribution.attribution_patching import attribution_patching
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.config.site import Site
from sparse_circuits.models.linearised import linearised
from sparse_circuits.models.load import Model
from sparse_circuits.tasks.pairs import PairBatch


def relp(model: Model, batch: PairBatch, sites: Sequence[Site], steps: int) -> dict[Site, SiteGradient]:
    """Return, at each site, both runs' activations and the metric's gradient as RelP passes it; `steps` has no part."""
    with linearised(model):
        return attribution_patching(model, batch, sites, steps)
