"""What every hypothesis test returns, and the binomial test that three of them share.

The tests are those of Shi et al. 2024 (Hypothesis Testing the Circuit Hypothesis in LLMs, arXiv 2410.13032), for nodes
where the paper has edges. m(X) is the metric of one pair when only X is kept, M the model, C the circuit. A null
hypothesis that is not rejected shows nothing: a finding for or against a circuit is what the data can tell, and where
they cannot, it is undecided.
"""

from dataclasses import dataclass
from typing import Literal

from scipy.special import bdtr, bdtrc
from torch import Tensor

ALPHA = 0.05
QUANTILE = 0.9  # q* of the paper

Finding = Literal["for", "against", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """Outcome of a test: its statistic, the p value, whether the null hypothesis is rejected at the level of .05,
    whether the data speak for the circuit, against it, or do not tell, and what they say in words."""

    statistic: float
    p: float
    reject: bool
    finding: Finding
    says: str


def change(first: Tensor, second: Tensor) -> Tensor:
    """Return D(X, Y) = mean over pairs of |m(X) - m(Y)|, in units of the metric: (..., pair), (..., pair) -> (...)."""
    return (first.double() - second.double()).abs().mean(dim=-1)


def inside(interval: tuple[float, float], margin: float) -> Finding:
    """Tell whether a 90 % interval lies within ±margin, which speaks for equivalence, or beyond it (Schuirmann 1987).

    That is two one-sided tests at the level of .05 each.
    """
    low, high = interval
    if -margin < low and high < margin:
        return "for"
    return "against" if low >= margin or high <= -margin else "undecided"


def beats_random(own: Tensor, random: Tensor, does: str) -> Verdict:
    """Test H0: P(own > D) <= .9, where D (draw,) is a draw of `random` and `own` a scalar.

    The statistic is the number of draws that `own` exceeds; a tie counts for the draw. p = P(Bin(draws, .9) >= it).
    That P is below .9 is a finding too, when P(Bin(draws, .9) <= it) is at most .05. `does` says what the circuit does
    more than random ones.
    """
    draws = len(random)
    exceeded = int((own > random).sum())
    p = float(bdtrc(exceeded - 1, draws, QUANTILE)) if exceeded else 1.0
    told = f"{does} {exceeded} of {draws} random circuits"
    if p <= ALPHA:
        return Verdict(exceeded, p, True, "for", told)
    if bdtr(exceeded, draws, QUANTILE) <= ALPHA:
        return Verdict(exceeded, p, False, "against", f"{told} only")
    return Verdict(exceeded, p, False, "undecided", f"{told}: too near to nine in ten to tell")
