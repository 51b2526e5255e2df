"""How much of the weights is left, and the learning rate, over a training run.

Gao et al. 2025, appendix A.2: all weights at first, the target share from a given part of the run on; the learning rate
warms up, falls linearly to 0, and is divided by the root of the share ("sharkfin").
"""

import math

from sparse_circuits.config.network import Anneal

WARM_UP = 0.01


def share_of_weights(progress: float, target: float, until: float, anneal: Anneal) -> float:
    """Return the share of the weights that is left after `progress` (0 to 1) of the run.

    It falls from 1 to `target` at `until`: linearly, linearly in the root of the time (fast at first), or by equal
    factors.
    """
    passed = min(progress / until, 1.0) if until else 1.0
    if anneal == "exponential":
        return float(target**passed)
    return 1 - (1 - target) * (math.sqrt(passed) if anneal == "sqrt" else passed)


def learning_rate(progress: float, share: float, peak: float) -> float:
    """Return the learning rate after `progress` of the run, when `share` of the weights is left."""
    return peak * min(progress / WARM_UP, 1.0) * (1 - progress) / math.sqrt(share)
