"""Does the circuit do as well as the model? (Shi et al. 2024, equivalence test)"""

import numpy as np
from scipy.special import comb
from torch import Tensor

from sparse_circuits.circuits.proof.verdict import ALPHA, Verdict

EPSILON = 0.1


def equivalence(model: Tensor, circuit: Tensor) -> Verdict:
    """Test H0: |P(m(C) > m(M)) - 1/2| < .1, from the metric of model and circuit on the same pairs, (pair,) each.

    The statistic is t = |share of pairs on which the circuit is higher - 1/2|, where a tie counts half, so that a
    circuit equal to the model has t = 0. p = P(|K/n - 1/2| >= t) for K ~ Bin(n, 1/2 + .1), the largest that H0 allows.
    The released code puts the mean difference of the metric in the place of that share; the paper is followed here.
    """
    n = len(model)
    lead = abs(int((circuit > model).sum()) - int((circuit < model).sum()))  # = 2 n t, in whole numbers
    k = np.arange(n + 1)
    k, likely = k[np.abs(2 * k - n) >= lead], 0.5 + EPSILON
    p = float((comb(n, k) * likely**k * (1 - likely) ** (n - k)).sum())
    reject = p <= ALPHA
    says = "circuit and model differ in how well they do" if reject else "no sign that circuit and model differ"
    return Verdict(lead / (2 * n), min(p, 1.0), reject, not reject, says)
