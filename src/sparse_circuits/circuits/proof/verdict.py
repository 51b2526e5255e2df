"""What every hypothesis test returns, and the binomial test that three of them share.

The tests are those of Shi et al. 2024 (Hypothesis Testing the Circuit Hypothesis in LLMs, arXiv 2410.13032), for nodes
where the paper has edges. m(X) is the metric of one pair when only X is kept, M the model, C the circuit.
"""

from dataclasses import dataclass

from scipy.special import bdtrc
from torch import Tensor

ALPHA = 0.05
QUANTILE = 0.9  # q* of the paper


@dataclass(frozen=True)
class Verdict:
    """Outcome of a test: its statistic, the p value, whether the null hypothesis is rejected at the level of .05,
    whether that outcome speaks for the circuit, and what it says in words."""

    statistic: float
    p: float
    reject: bool
    speaks_for: bool
    says: str


def change(first: Tensor, second: Tensor) -> Tensor:
    """Return D(X, Y) = mean over pairs of |m(X) - m(Y)|, in units of the metric: (..., pair), (..., pair) -> (...)."""
    return (first.double() - second.double()).abs().mean(dim=-1)


def beats_random(own: Tensor, random: Tensor, yes: str, no: str) -> Verdict:
    """Test H0: P(own > D) <= .9, where D (draw,) is a draw of `random` and `own` a scalar.

    The statistic is the number of draws that `own` exceeds; a tie counts for the draw. p = P(Bin(draws, .9) >= it).
    """
    exceeded = int((own > random).sum())
    p = float(bdtrc(exceeded - 1, len(random), QUANTILE)) if exceeded else 1.0
    reject = p <= ALPHA
    return Verdict(exceeded, p, reject, reject, yes if reject else no)
