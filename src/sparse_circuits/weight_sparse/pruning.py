"""Node masks learned by gradient, then the smallest circuit of a ranking that keeps the task (Gao et al. 2025, A.5)."""

import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sparse_circuits.circuits.search.bisection import smallest
from sparse_circuits.circuits.search.heaviside import step
from sparse_circuits.circuits.search.problem import split_pairs
from sparse_circuits.errors import StudyError
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.tasks import Groups, PairBatch
from sparse_circuits.weight_sparse.circuit import without_idle
from sparse_circuits.weight_sparse.masks import Fills, Place, gated, places_of

Ranking = Tensor  # numbers of gates, the most needed first
HELD_OUT = 0.25  # share of the training pairs that decide on the size
CALIBRATION_STEPS = 16


@dataclass(frozen=True)
class Search:
    """How masks are learned."""

    steps: int = 150
    """optimiser steps"""
    batch: int = 32
    """pairs a step"""
    price: float = 1e-3
    """nats of task loss that a node costs"""
    learning_rate: float = 0.03
    """AdamW's, falling to 0"""
    weight_decay: float = 1e-3
    """AdamW's"""
    target: float = 0.15
    """task loss in nats that the circuit may have on held-out pairs"""
    seed: int = 0
    """of the order of pairs"""


@dataclass(frozen=True)
class Calibration:
    """What a circuit's logit difference is multiplied by, and what is added to it then."""

    scale: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class GateIndex:
    """The gates of a model: one for every node, but one for a query channel and its key together."""

    widths: dict[Place, int]
    offsets: dict[Place, int] = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        offsets: dict[Place, int] = {}
        count = 0
        for place, width in self.widths.items():
            if place.kind == "attn_k":
                offsets[place] = offsets[Place(place.layer, place.number - 1)]
                continue
            offsets[place] = count
            count += width
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "count", count)

    @classmethod
    def of(cls, model: WeightSparseForCausalLM) -> "GateIndex":
        """The gates of all places of a model."""
        return cls(places_of(model))

    def split(self, flat: Tensor) -> dict[Place, Tensor]:
        """Return each place's part of values for all gates: (..., gate) -> (..., width)."""
        return {place: flat[..., begin : begin + self.widths[place]] for place, begin in self.offsets.items()}

    def join(self, parts: Mapping[Place, Tensor]) -> Tensor:
        """Return the values of all gates from those of each place (width,); a query's is its key's too."""
        first = next(iter(parts.values()))
        flat = first.new_zeros(self.count)
        for place, begin in self.offsets.items():
            flat[begin : begin + self.widths[place]] = parts[place]
        return flat


def learn_masks(model: WeightSparseForCausalLM, groups: Groups, fills: Fills, search: Search) -> tuple[Ranking, Tensor]:
    """Return all gates, the most needed first, and their taus (gate,).

    Forward a gate is open where tau > 0, backward it has the sigmoid's derivative; tau is clamped to [-1, 1] after each
    step. taus start between .1 and .9 in the order of the gates' scores: from equal ones all gates would close in the
    same few steps, and a path that is cut at both ends has no gradient that would open it again. Many taus end at the
    same clamp: ties go by how much the loss rises, to first order, when the gate closes, averaged over the second half
    of the steps.
    """
    index = GateIndex.of(model)
    generator = torch.Generator().manual_seed(search.seed)
    order = torch.argsort(torch.argsort(gate_scores(model, groups, fills), stable=True))
    tau = (0.1 + 0.8 * order / (index.count - 1)).requires_grad_()
    optimizer = torch.optim.AdamW([tau], lr=search.learning_rate, weight_decay=search.weight_decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, search.steps)
    needed = torch.zeros_like(tau)
    for number, batch in enumerate(_batches(groups, search, generator)):
        gates = step(tau)
        gates.retain_grad()
        with gated(model, index.split(gates), fills):
            loss = task_loss(choose(model, batch.to(model.device)))
        (loss + search.price * gates.sum()).backward()
        assert gates.grad is not None
        if 2 * number >= search.steps:
            needed -= gates.grad - search.price
        torch.nn.utils.clip_grad_norm_([tau], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        with torch.no_grad():
            tau.clamp_(-1, 1)
    order = torch.argsort(needed, descending=True, stable=True)
    tau = tau.detach()
    return order[torch.argsort(tau[order], descending=True, stable=True)], tau


def gate_scores(model: WeightSparseForCausalLM, groups: Groups, fills: Fills) -> Tensor:
    """Return how much closing each gate changes the logit differences of all pairs, to first order: (gate,)."""
    index = GateIndex.of(model)
    gates = torch.ones(index.count, device=model.device, requires_grad=True)
    for _, batch in groups:
        with gated(model, index.split(gates), fills):
            choose(model, batch.to(model.device)).differences.sum().backward()
    assert gates.grad is not None
    return gates.grad.abs()


class Choices(NamedTuple):
    """Between the two answers of each prompt, clean ones first, then patched ones: (prompt,) each."""

    differences: Tensor
    """logit of the right answer less that of the wrong one"""
    sides: Tensor
    """1 where the right answer has the smaller token id, else -1"""

    @property
    def accuracy(self) -> float:
        """The share of prompts of which the right answer is the likelier."""
        return (self.differences > 0).float().mean().item()


def choose(model: WeightSparseForCausalLM, batch: PairBatch) -> Choices:
    """Return what the model, as it runs, chooses for the clean and patched prompts of pairs."""
    logits = model(torch.cat([batch.clean, batch.patch]), logits_to_keep=1).logits[:, -1].float()
    right = torch.cat([batch.answers, batch.patch_answers])[:, 0]
    wrong = torch.cat([batch.patch_answers, batch.answers])[:, 0]
    chosen = logits.gather(1, torch.stack([right, wrong], dim=1))
    return Choices(chosen[:, 0] - chosen[:, 1], (wrong - right).sign().float())


@torch.no_grad()
def choices(model: WeightSparseForCausalLM, groups: Groups, gates: Tensor | None, fills: Fills) -> Choices:
    """Return the choices on all pairs of the model under gates (gate,); of the whole model where there are none."""
    found = []
    index = GateIndex.of(model)
    for _, batch in groups:
        with gated(model, index.split(gates), fills) if gates is not None else nullcontext():
            found.append(choose(model, batch.to(model.device)))
    return Choices(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def task_loss(found: Choices, calibration: Calibration | None = None) -> Tensor:
    """Return the mean loss in nats of the choice between the two answers; log 2 is chance."""
    scale, shift = (calibration.scale, calibration.shift) if calibration else (1.0, 0.0)
    return F.softplus(-(scale * found.differences + shift * found.sides)).mean()


def calibrate(found: Choices) -> Calibration:
    """Return the scale and shift of logit differences that make the task loss least, by 16 steps of L-BFGS."""
    parameters = torch.tensor([1.0, 0.0], device=found.differences.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([parameters], max_iter=CALIBRATION_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.softplus(-(parameters[0] * found.differences + parameters[1] * found.sides)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    scale, shift = parameters.detach().tolist()
    return Calibration(scale, shift) if math.isfinite(scale + shift) else Calibration()


@dataclass(frozen=True)
class Pruned:
    """The circuit found: its open gates (gate,), its calibration, and its task loss on held-out pairs."""

    gates: Tensor
    calibration: Calibration
    held_out_loss: float


def prune(model: WeightSparseForCausalLM, groups: Groups, fills: Fills, search: Search) -> Pruned:
    """Return the smallest circuit of a learned ranking whose task loss on held-out pairs is at most `search.target`.

    The last quarter of the pairs is held out: it decides on the size alone. Raises StudyError when not even the whole
    model reaches the target.
    """
    if (whole := whole_loss(model, groups)) > search.target:
        raise StudyError(f"the model's own task loss is {whole:.3f}, above the target of {search.target:g}")
    train, held_out = split_pairs(groups, HELD_OUT)
    index = GateIndex.of(model)
    ranking, _ = learn_masks(model, train, fills, search)

    def circuit(size: int) -> Pruned:
        gates = torch.zeros(len(ranking), device=ranking.device)
        gates[ranking[:size]] = 1
        gates = index.join(without_idle(model, index.split(gates)))
        calibration = calibrate(choices(model, train, gates, fills))
        return Pruned(gates, calibration, task_loss(choices(model, held_out, gates, fills), calibration).item())

    return circuit(smallest(len(ranking), lambda size: circuit(size).held_out_loss <= search.target))


def whole_loss(model: WeightSparseForCausalLM, groups: Groups) -> float:
    """Return the whole model's task loss on the pairs that `prune` holds out, calibrated on the others."""
    train, held_out = (choices(model, part, None, {}) for part in split_pairs(groups, HELD_OUT))
    return task_loss(held_out, calibrate(train)).item()


def _batches(groups: Groups, search: Search, generator: torch.Generator) -> Iterator[PairBatch]:
    """Yield as many batches of pairs of one length as there are steps, each length as often as it has pairs."""
    weights = torch.tensor([float(len(indices)) for indices, _ in groups])
    for _ in range(search.steps):
        _, batch = groups[int(torch.multinomial(weights, 1, generator=generator))]
        rows = torch.randperm(len(batch), generator=generator)[: search.batch]
        yield batch.take(rows.tolist())
