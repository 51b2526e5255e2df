"""Is the circuit nearer to the model than random circuits are? (Shi et al. 2024, sufficiency test)"""

from torch import Tensor

from sparse_circuits.circuits.proof.verdict import Verdict, beats_random, change


def sufficiency(model: Tensor, circuit: Tensor, random: Tensor) -> Verdict:
    """Test H0: P(D(M, C) < D(M, R)) <= .9 for random circuits R with as many nodes at each site as C.

    D is the mean over pairs of |difference of the metric|. `model` and `circuit` (pair,); `random` (draw, pair).
    The statistic is the number of random circuits farther from the model than C.
    """
    return beats_random(-change(model, circuit), -change(model, random), "the circuit is nearer to the model than")
