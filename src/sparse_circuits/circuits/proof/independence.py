"""Is what the model does gone when the circuit is knocked out? (Shi et al. 2024, independence test)"""

from math import atanh, inf, sqrt, tanh
from statistics import NormalDist

import torch
from scipy.stats import spearmanr
from torch import Tensor

from sparse_circuits.circuits.proof.verdict import ALPHA, Verdict, inside

PERMUTATIONS = 1000
MARGIN = 0.3  # of the rank correlation, what Cohen (1988) calls medium
CHUNK = 2**22  # entries of a kernel gathered at once


def independence(model: Tensor, complement: Tensor, generator: torch.Generator) -> Verdict:
    """Test H0: m(M \\ C) is independent of m(M) over pairs, from both metrics on the same pairs, (pair,) each.

    The statistic is HSIC (`hsic`); p is the share of 1,000 permutations of the pairs, drawn by `generator`, with at
    least the HSIC seen, which itself counts as one (Phipson and Smyth 2010), so that p is never 0.

    A rejection speaks against the circuit. Without one, the finding is for the circuit when the 90 % interval of the
    rank correlation of the two lies within ±.3: with few pairs it never does.
    """
    n = len(model)
    orders = torch.stack([torch.arange(n), *(torch.randperm(n, generator=generator) for _ in range(PERMUTATIONS))])
    values = hsic(model, complement, orders)
    # Permutations that only exchange ties give the value seen, but for rounding.
    p = float((values >= values[0] - 1e-12).double().mean())
    reject = p <= ALPHA
    low, high = _rank_correlation(model, complement)
    told = f"rank correlation {low:.2f} to {high:.2f} over {n} pairs"
    if reject:
        return Verdict(
            values[0].item(), p, True, "against", f"what is left without the circuit follows the model; {told}"
        )
    if inside((low, high), MARGIN) == "for":
        return Verdict(values[0].item(), p, False, "for", f"no sign of the model's behaviour is left; {told}")
    return Verdict(values[0].item(), p, False, "undecided", f"{told} do not tell whether anything is left")


def _rank_correlation(x: Tensor, y: Tensor) -> tuple[float, float]:
    """The 90 % interval of Spearman's correlation of x and y (pair,) each (Fieller, Hartley and Pearson 1957).

    What does not vary is taken as uncorrelated.
    """
    constant = len(x.unique()) == 1 or len(y.unique()) == 1
    middle = 0.0 if constant else float(spearmanr(x.numpy(), y.numpy()).statistic)
    half = NormalDist().inv_cdf(1 - ALPHA) * sqrt(1.06 / (len(x) - 3)) if len(x) > 3 else inf
    around = atanh(max(-1 + 1e-12, min(1 - 1e-12, middle)))
    return tanh(around - half), tanh(around + half)


def hsic(x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
    """Return the Hilbert-Schmidt independence criterion of x (pair,) and y (pair,), y in each of `orders`: (order,).

    HSIC = trace(K H L H) / (n - 1)^2 with Gaussian kernels K and L, and H = 1 - 1/n (Gretton et al. 2007). Centring
    one of the two kernels is enough. Each variable has a bandwidth of its own; the released code takes one for both,
    from the distances between values of x and values of y, which depends on how far their means lie apart.
    """
    kernel, other = _kernel(x.double()), _kernel(y.double())
    kernel = kernel - kernel.mean(dim=0) - kernel.mean(dim=1, keepdim=True) + kernel.mean()
    size = max(1, CHUNK // len(x) ** 2)
    sums = [(kernel * other[part[:, :, None], part[:, None, :]]).sum(dim=(1, 2)) for part in orders.split(size)]
    return torch.cat(sums) / (len(x) - 1) ** 2


def _kernel(x: Tensor) -> Tensor:
    """exp(-(x_i - x_j)^2 / 2 s^2), s the median of the distances other than 0; of a constant, all ones."""
    distances = torch.cdist(x[:, None], x[:, None])
    apart = distances[distances > 0]
    return torch.exp(-0.5 * (distances / apart.median()) ** 2) if len(apart) else torch.ones_like(distances)
