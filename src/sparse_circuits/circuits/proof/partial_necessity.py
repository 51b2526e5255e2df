"""Does the model lose more without the circuit than without random ones? (Shi et al. 2024, partial necessity test)"""

from torch import Tensor

from sparse_circuits.circuits.proof.verdict import Verdict, beats_random, change


def partial_necessity(model: Tensor, complement: Tensor, random_complements: Tensor) -> Verdict:
    """Test H0: P(D(M, M \\ C) > D(M, M \\ R)) <= .9 for random circuits R with as many nodes at each site as C.

    D is the mean over pairs of |difference of the metric|. `model` and `complement` (pair,); `random_complements`
    (draw, pair). The statistic is the number of random circuits whose removal changes the model less than C's does.
    """
    return beats_random(
        change(model, complement),
        change(model, random_complements),
        "removing the circuit changes the model more than removing",
    )
