"""Logistic regression of several labels at once, which is what all probes are."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Probes:
    """A label holds where its score, x · weight + bias, exceeds 0: weight (label, d), bias (label,), both fp64."""

    weight: Tensor
    bias: Tensor

    def scores(self, x: Tensor) -> Tensor:
        """Return the scores (row, label) of rows (row, d)."""
        return x.double() @ self.weight.T + self.bias


def fit_probes(x: Tensor, labels: Tensor) -> Probes:
    """Fit one probe a label on rows x (row, d) and labels (row, label) of 0 and 1, each of which both occur.

    As scikit-learn's LogisticRegression(class_weight="balanced", C=1): both classes weigh the same, and the mean loss
    has the penalty |weight|² / (2 rows), in units in which x has mean 0 and mean square 1. One scale serves all d, so
    that a probe's weight is a direction of the space of x.
    """
    x, labels = x.double(), labels.double()
    mean = x.mean(dim=0)
    scale = (x - mean).square().mean().sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    x = (x - mean) / scale
    positive = labels.mean(dim=0)
    balance = torch.where(labels > 0, 0.5 / positive, 0.5 / (1 - positive))
    weight, bias = (x.new_zeros(shape).requires_grad_() for shape in ((labels.shape[1], x.shape[1]), labels.shape[1]))
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(
            x @ weight.T + bias, labels, weight=balance, reduction="sum"
        )
        value = (entropy + weight.square().sum() / 2) / len(x)
        value.backward()
        return value.item()

    with torch.enable_grad():
        optimiser.step(loss)
    found = weight.detach() / scale
    return Probes(found, bias.detach() - found @ mean)
