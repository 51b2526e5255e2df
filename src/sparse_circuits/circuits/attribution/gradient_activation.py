"""Gradient x activation: the metric's gradient on the clean run, for the change of each node to nothing.

Where there is no counterfactual to compare with (Marks et al. 2024, section 3.1, take zero ablation for such prompts):
the score estimates what the metric does when the node alone is set to 0 at all positions but the separator's, which is
never ablated.
"""

from collections.abc import Sequence

from sparse_circuits.circuits.attribution.attribution_patching import attribution_patching
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.tasks.pairs import PairBatch


def gradient_activation(model: Model, batch: PairBatch, sites: Sequence[Site], steps: int) -> dict[Site, SiteGradient]:
    """Return, at each site, both runs' activations and the metric's gradient on the clean run; `steps` has no part.

    The gradient is 0 at the separator. The patch run serves the means alone; the scores do not see it.
    """
    found = attribution_patching(model, batch, sites, steps)
    for part in found.values():
        part.gradient[:, 0] = 0
    return {site: part._replace(to_patch=False) for site, part in found.items()}
