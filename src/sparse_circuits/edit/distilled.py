"""An edit made permanent by distillation: low-rank changes of the weights after it teach the model what its hooks do.

Works for every operation and architecture: the model with hooks is the teacher, a copy without them the pupil. Every
matrix W of the layers from the first edited one on becomes W + B A (LoRA, Hu et al. 2021, arXiv 2106.09685), trained to
the least divergence of the predictions, and is summed up into one matrix at the end.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sparse_circuits.base.progress import Progress
from sparse_circuits.config.edits import Distillation
from sparse_circuits.models.intervention import Intervention
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import Predicted, divergence, last_site
from sparse_circuits.models.run import run

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class _LowRank(nn.Module):
    """W + B A, which is W at first: B is 0."""

    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        first = torch.randn(rank, columns, generator=generator) / columns**0.5
        self.A = nn.Parameter(first.to(weight))
        self.B = nn.Parameter(weight.new_zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.B @ self.A


def distil(
    model: Model, intervention: Intervention, batches: Sequence[Tensor], settings: Distillation, seed: int
) -> "PreTrainedModel":
    """Return a model of the same class and size that does by its weights what an intervention does by hooks.

    Trained on tokens (sequence, position) of batches, one drawn at random for each step.
    """
    generator = torch.Generator().manual_seed(seed)
    pupil = replace(model, network=copy.deepcopy(model.network))
    matrices = _matrices(pupil, min(site.layer for site in intervention))
    changes = nn.ModuleList()
    for matrix in matrices:
        changes.append(_LowRank(matrix.get_parameter("weight"), settings.rank, generator))
        parametrize.register_parametrization(matrix, "weight", changes[-1])
    optimizer = torch.optim.AdamW(changes.parameters(), lr=settings.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, settings.steps)
    last = last_site(model)
    for _ in Progress(range(settings.steps), desc="distil", unit="step"):
        batch = batches[int(torch.randint(len(batches), (1,), generator=generator))].to(model.device)
        with torch.no_grad():
            wanted = run(model, batch, read=[last], edit=intervention).activations[last]
        found = run(pupil, batch, read=[last]).activations[last]
        found.backward(_slope(model, batch, wanted, found.detach()))
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    for matrix in matrices:
        parametrize.remove_parametrizations(matrix, "weight")
    return pupil.network.requires_grad_(False)


def _slope(model: Model, tokens: Tensor, wanted: Tensor, found: Tensor) -> Tensor:
    """The gradient by `found` of the mean divergence of what it predicts from what `wanted` predicts.

    Both are last activations (sequence, position, d_model), from which teacher and pupil predict alike. What stands
    after the separator is left out.
    """
    found.requires_grad_()
    words = slice(0 if model.sees else 1, None)
    teacher, pupil = (Predicted.of(model, tokens[:, words], hidden[:, words]) for hidden in (wanted, found))
    for rows in teacher.parts():
        with torch.no_grad():
            likely = teacher.logits(rows).log_softmax(dim=-1)
        apart = divergence(likely, pupil.logits(rows).log_softmax(dim=-1))
        (apart.sum() / len(teacher.tokens)).backward()
    assert found.grad is not None
    return found.grad


def _matrices(model: Model, first: int) -> list[nn.Module]:
    """The modules with a matrix in the layers from `first` on."""
    layers = model.network.get_submodule(model.family.layers)
    assert isinstance(layers, nn.ModuleList)
    modules = [module for layer in layers[max(first, 0) :] for module in layer.modules()]
    return [module for module in modules if any(n == "weight" and p.ndim == 2 for n, p in module.named_parameters())]
