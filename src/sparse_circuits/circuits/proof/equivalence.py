"""Does the circuit do as well as the model? (Shi et al. 2024, equivalence test)"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from scipy.special import comb
from torch import Tensor

from sparse_circuits.circuits.proof.verdict import ALPHA, Finding, Verdict, inside

EPSILON = 0.1  # margin of both shares
Z = NormalDist().inv_cdf(1 - ALPHA)


@dataclass(frozen=True)
class Equivalence(Verdict):
    """Also the 90 % intervals of P(m(C) > m(M)) - 1/2 and of accuracy(C) - accuracy(M)."""

    lead: tuple[float, float]
    accuracy: tuple[float, float]


def equivalence(model: Tensor, circuit: Tensor) -> Equivalence:
    """Test H0: |P(m(C) > m(M)) - 1/2| < .1, from the metric of model and circuit on the same pairs, (pair,) each.

    The statistic is t = |share of pairs on which the circuit is higher - 1/2|, where a tie counts half, so that a
    circuit equal to the model has t = 0. p = P(|K/n - 1/2| >= t) for K ~ Bin(n, 1/2 + .1), the largest that H0 allows.
    The released code puts the mean difference of the metric in the place of that share; the paper is followed here.

    Not to reject H0 is no equivalence: few pairs reject nothing, and a circuit that is above the model as often as
    below may be wrong where the model is right. The finding is for the circuit when two intervals lie within ±.1: that
    of P(m(C) > m(M)) - 1/2, and that of the difference in accuracy, the share of pairs with a metric above 0. It is
    against the circuit when H0 is rejected or either interval lies beyond ±.1.
    """
    n = len(model)
    above, below = int((circuit > model).sum()), int((circuit < model).sum())
    k = np.arange(n + 1)
    k, likely = k[np.abs(2 * k - n) >= abs(above - below)], 0.5 + EPSILON
    p = min(1.0, float((comb(n, k) * likely**k * (1 - likely) ** (n - k)).sum()))
    right = [metric > 0 for metric in (circuit, model)]
    gained, lost = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    # Half of the difference between the share above and the share below is the share above, less a half.
    low, high = paired_difference(above, below, n)
    lead, accuracy = (low / 2, high / 2), paired_difference(gained, lost, n)
    finding = _together(p <= ALPHA, inside(lead, EPSILON), inside(accuracy, EPSILON))
    says = (
        f"the circuit is above the model on {above} of {n} pairs and below on {below}, and right on "
        f"{int(right[0].sum())} where the model is on {int(right[1].sum())}"
    )
    if finding == "undecided":
        says += f"; {n} pairs do not tell"
    return Equivalence(abs(above - below) / (2 * n), p, p <= ALPHA, finding, says, lead, accuracy)


def paired_difference(gains: int, losses: int, n: int) -> tuple[float, float]:
    """Return the 90 % interval of (gains - losses) / n over n pairs, each of which gains, loses, or does neither.

    The Wald interval with half an observation added to each of the four outcomes of a pair, which is not empty where
    all pairs are alike (Agresti and Min 2005).
    """
    difference = (gains - losses) / (n + 2)
    half = Z * sqrt((gains + losses + 1) / (n + 2) - difference**2) / sqrt(n + 2)
    return difference - half, difference + half


def _together(differ: bool, *findings: Finding) -> Finding:
    """The circuit is as good as the model when all say so, and not when one denies it."""
    if differ or "against" in findings:
        return "against"
    return "undecided" if "undecided" in findings else "for"
