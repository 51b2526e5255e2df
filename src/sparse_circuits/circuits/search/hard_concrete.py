"""Masks learned by gradient: hard concrete gates, whose expected number follows a falling target.

Louizos et al. 2018 (arXiv 1712.01312) for the gates, with the constants of Bhaskar et al. 2024 (Edge Pruning, arXiv
2406.16778), and their Lagrangian for the number of open gates.
"""

import math

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.search.bisection import smallest_circuit
from sparse_circuits.circuits.search.problem import Problem, ranked, spare

BETA = 2 / 3
LOW, HIGH = -0.1, 1.1
STEPS = 60
FALL = 0.8  # share of the steps in which the number of gates falls to the target
LEARNING_RATE = 0.4
SMALLEST_UNIFORM = 1e-6


def sample_gates(log_alpha: Tensor, uniform: Tensor) -> Tensor:
    """Return gates in [0, 1] for noise in (0, 1): a sigmoid stretched to (-.1, 1.1), clipped (equations 10 and 11)."""
    stretched = torch.sigmoid((uniform.logit() + log_alpha) / BETA) * (HIGH - LOW) + LOW
    return stretched.clamp(0, 1)


def open_probability(log_alpha: Tensor) -> Tensor:
    """Return the probability that a gate is not 0 (equation 12)."""
    return torch.sigmoid(log_alpha - BETA * math.log(-LOW / HIGH))


class Lagrangian:
    """A penalty that holds a number at a target: l1 x + l2 x^2, x its relative excess; the multipliers ascend."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.linear = self.square = 0.0

    def penalty(self, number: Tensor, target: float) -> Tensor:
        """Return the penalty at the present multipliers, and raise them by gradient ascent."""
        excess = (number - target) / target
        penalty = self.linear * excess + self.square * excess**2
        self.linear += self.rate * excess.item()
        self.square += self.rate * excess.item() ** 2
        return penalty


def by_hard_concrete(problem: Problem, target: float) -> list[Node]:
    """Return the candidates by how long their gates stayed open while the number of open gates fell.

    log alpha starts at log |score|, 0 for the weakest candidate. The number falls geometrically, to half of what
    thresholds need.
    """
    final = max(1.0, len(smallest_circuit(problem.held_out, problem.candidates, target)) / 2)
    generator = torch.Generator().manual_seed(problem.seed)
    device = problem.train.model.device
    scores = problem.scores.abs()
    log_alpha = (scores / scores.min()).log().float().to(device).requires_grad_()
    optimiser = torch.optim.Adam([log_alpha], lr=LEARNING_RATE)
    lagrangian = Lagrangian(LEARNING_RATE)
    begin = open_probability(log_alpha).sum().item()
    stayed = torch.zeros(len(log_alpha), device=device)
    for number, batch in enumerate(problem.batches(STEPS)):
        uniform = torch.rand(1, len(log_alpha), generator=generator).clamp(SMALLEST_UNIFORM, 1 - SMALLEST_UNIFORM)
        wanted = begin * (final / begin) ** min(1.0, number / (FALL * STEPS))
        gates = sample_gates(log_alpha, uniform.to(device))
        loss = batch.loss(spare(gates, generator)) + lagrangian.penalty(open_probability(log_alpha).sum(), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        stayed += open_probability(log_alpha.detach())
    return ranked(problem, stayed)
