"""Masks learned by gradient: a step function forward, the derivative of a sigmoid backward.

Gao et al. 2025, "Weight-sparse transformers have interpretable circuits", appendix A.5: forward Heaviside(tau), tau
clamped to [-1, 1] after each step, AdamW, the learning rate falling to 0, and a price for every node kept.
"""

from typing import Any

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.search.bisection import smallest_circuit
from sparse_circuits.circuits.search.problem import Problem, ranked, spare

STEPS = 60
LEARNING_RATE = 0.1
WEIGHT_DECAY = 1e-3
CLIP = 1.0


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tau: Tensor) -> Tensor:
        ctx.save_for_backward(tau)
        return (tau > 0).to(tau.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (tau,) = ctx.saved_tensors
        sigmoid = tau.sigmoid()
        return gradients[0] * sigmoid * (1 - sigmoid)


def step(tau: Tensor) -> Tensor:
    """Return 1 where tau > 0, else 0; backward the derivative of the sigmoid, at temperature 1."""
    return _Step.apply(tau)


def by_heaviside(problem: Problem, target: float) -> list[Node]:
    """Return the candidates by falling tau.

    tau starts between 0 and 1 in the order of log |score|: all open, the strongest farthest from closing. A node's
    price is what half as many nodes as thresholds need would have to carry each, if they lost no more than the target
    allows.
    """
    price = 2 * (1 - target) / len(smallest_circuit(problem.held_out, problem.candidates, target))
    strength = problem.scores.abs().log().float()
    spread = (strength - strength.min()) / (strength.max() - strength.min()).clamp(min=1e-6)
    tau = (0.1 + 0.8 * spread).to(problem.train.model.device).requires_grad_()
    optimiser = torch.optim.AdamW([tau], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, STEPS)
    generator = torch.Generator().manual_seed(problem.seed)
    for batch in problem.batches(STEPS):
        gates = step(tau).unsqueeze(0)
        loss = batch.loss(spare(gates, generator)) + price * gates.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([tau], CLIP)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            tau.clamp_(-1, 1)
    return ranked(problem, tau)
