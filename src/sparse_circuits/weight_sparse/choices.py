"""Which of two answers a model gives to prompts, all of it or some of its nodes only, and what that costs in nats."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, PairBatch
from sparse_circuits.weight_sparse.compact import CompactModel
from sparse_circuits.weight_sparse.masks import Fills, GateIndex, frozen_norms, gated, mean_activations

CALIBRATION_STEPS = 16
BATCH = 16  # sequences in one pass for means


@dataclass(frozen=True)
class Calibration:
    """What a circuit's logit difference is multiplied by, and what is added to it then."""

    scale: float = 1.0
    shift: float = 0.0


class Choices(NamedTuple):
    """Between the two answers of each prompt, clean ones first, then patched ones: (prompt,) each."""

    differences: Tensor  # logit of the right answer less that of the wrong one
    sides: Tensor  # 1 where the right answer has the smaller token id (of several the first), else -1

    @property
    def accuracy(self) -> float:
        """The share of prompts of which the right answer is the likelier."""
        return (self.differences > 0).float().mean().item()

    @property
    def task_loss(self) -> Tensor:
        """The mean loss in nats of the choice between the two answers; log 2 is chance."""
        return F.softplus(-self.differences).mean()

    def calibrated(self, calibration: Calibration) -> "Choices":
        """Return the choices with logit differences scaled and shifted."""
        return self._replace(differences=calibration.scale * self.differences + calibration.shift * self.sides)


@dataclass(frozen=True)
class Masking:
    """A model of which nodes can be closed, and how: at their fills; norms scale by what is left, or stay frozen."""

    model: WeightSparseForCausalLM
    fills: Fills
    frozen_norms: bool = False  # every RMSNorm divides by what it would in the whole model

    @classmethod
    def by_means(cls, model: WeightSparseForCausalLM, tokens: Tensor, frozen_norms: bool = False) -> "Masking":
        """Closed nodes are at their means over tokens (sequence, position)."""
        return cls(model, mean_activations(model, iter(tokens.to(model.device).split(BATCH))), frozen_norms)

    @cached_property
    def index(self) -> GateIndex:
        """The model's gates."""
        return GateIndex.of(self.model)

    def choose(self, batch: PairBatch, gates: Tensor | None = None) -> Choices:
        """Return what the model chooses for the clean and patched prompts of pairs, under gates (gate,) if given."""
        batch = batch.to(self.model.device)
        prompts = torch.cat([batch.clean, batch.patch])
        with ExitStack() as stack:
            if gates is not None:
                if self.frozen_norms:
                    stack.enter_context(frozen_norms(self.model, prompts))
                stack.enter_context(gated(self.model, self.index.split(gates), self.fills))
            logits = self.model(prompts, logits_to_keep=1).logits[:, -1]
        return between_answers(logits, batch)

    @torch.no_grad()
    def choices(self, groups: Groups, gates: Tensor | None = None) -> Choices:
        """Return the choices on all pairs; a circuit's are asked of its compact model, which gives the same sooner."""
        if gates is None or self.frozen_norms:
            found = [self.choose(batch, gates) for _, batch in groups]
        else:
            device = self.model.device
            answers = torch.cat([ids.flatten() for _, b in groups for ids in (b.answers, b.patch_answers)]).unique()
            answers = answers[answers >= 0].to(device)
            batches = [batch.to(device) for _, batch in groups]
            prompts = [torch.cat([batch.clean, batch.patch]) for batch in batches]
            embedding = None
            if not self.model.config.causal:
                embedded = [self.model.embed(part) for part in prompts]
                prompts = _numbered([x.shape[:2] for x in embedded], device)
                embedding = torch.cat([x.flatten(0, 1) for x in embedded])
            gated = self.index.split(gates)
            compact = CompactModel(self.model, gated, self.fills, answers.tolist(), embedding).to(device)
            found = [
                between_answers(compact(part), batch, answers) for part, batch in zip(prompts, batches, strict=True)
            ]
        return Choices(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _numbered(shapes: Sequence[tuple[int, ...]], device: torch.device) -> list[Tensor]:
    """Tokens of these shapes (prompt, position), of which each is another one."""
    sizes = [prompts * positions for prompts, positions in shapes]
    numbers = torch.arange(sum(sizes), device=device).split(sizes)
    return [part.view(shape) for part, shape in zip(numbers, shapes, strict=True)]


def between_answers(logits: Tensor, batch: PairBatch, answers: Tensor | None = None) -> Choices:
    """Return the choices from the last logits (prompt, vocabulary) of clean and patched prompts.

    With `answers`, which are in order, the logits are of these tokens alone.
    """
    if answers is not None:
        columns = [
            torch.searchsorted(answers, ids).where(ids >= 0, ids) for ids in (batch.answers, batch.patch_answers)
        ]
        batch = replace(batch, answers=columns[0], patch_answers=columns[1])
    clean, patch = logits.chunk(2)
    sides = (batch.patch_answers[:, 0] - batch.answers[:, 0]).sign().float()
    differences = torch.cat([logit_difference(clean, batch), -logit_difference(patch, batch)])
    return Choices(differences, torch.cat([sides, -sides]))


def calibrate(found: Choices) -> Calibration:
    """Return the scale and shift of logit differences that make the task loss least, by 16 steps of L-BFGS.

    Right answers count as right with probability (N + 1) / (N + 2), as in Platt 1999: where all N choices are right,
    the scale would grow without end, and the first mistake on other pairs cost as much.
    """
    wrong = 1 / (len(found.differences) + 2)
    parameters = torch.tensor([1.0, 0.0], device=found.differences.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([parameters], max_iter=CALIBRATION_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        differences = parameters[0] * found.differences + parameters[1] * found.sides
        value = (F.softplus(-differences) + wrong * differences).mean()
        value.backward()
        return value

    optimizer.step(loss)
    scale, shift = parameters.detach().tolist()
    return Calibration(scale, shift) if math.isfinite(scale + shift) else Calibration()
