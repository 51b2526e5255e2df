"""Logistic regression, which is what all probes are."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Probe:
    """A label holds where its score, x · weight + bias, the log odds, exceeds 0: weight (d,), in fp64."""

    weight: Tensor
    bias: float

    def scores(self, x: Tensor) -> Tensor:
        """Return the scores (row,) of rows (row, d)."""
        return x.double() @ self.weight + self.bias


def fit_probe(x: Tensor, label: Tensor) -> Probe:
    """Fit a probe on rows x (row, d) and a label (row,) of 0 and 1, both of which occur.

    Both classes weigh the same, and the mean loss has the penalty |weight|² / (2 rows), in units in which x has mean 0
    and mean square 1. One scale serves all d, so that a probe's weight is a direction of the space of x.
    """
    from sklearn.linear_model import LogisticRegression

    x = x.double()
    mean = x.mean(dim=0)
    scale = (x - mean).square().mean().sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    regression = LogisticRegression(class_weight="balanced", solver="newton-cholesky", tol=1e-8)
    regression.fit(((x - mean) / scale).numpy(), label.numpy())
    weight = torch.from_numpy(regression.coef_[0]) / scale
    return Probe(weight, float(regression.intercept_[0] - mean @ weight))
