"""What an edit is judged by: gaps and accuracies on pairs, and loss and divergence on text."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from sparse_circuits.config.site import Site
from sparse_circuits.models.intervention import Intervention
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import Effects, compare, last_site, rows_at_a_time
from sparse_circuits.models.run import Run, run
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, in_batches

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Variant:
    """A model as it is, or under an intervention."""

    model: Model
    intervention: Intervention = field(default_factory=dict)


class Differences(NamedTuple):
    """Logit differences in nats of each pair's clean and patch prompt: (pair,) each."""

    clean: Tensor
    patch: Tensor

    @property
    def gap(self) -> Tensor:
        """How far the metric moves from clean to patch: (pair,)."""
        return self.clean - self.patch

    @property
    def accuracy(self) -> float:
        """The share of prompts whose own answers are preferred."""
        return float(torch.cat([self.clean > 0, self.patch < 0]).double().mean())


def differences(variant: Variant, groups: Groups) -> Differences:
    """Return the metric of every pair of a task, in the pairs' order."""
    return differences_of({"": variant}, groups)[""]


@torch.no_grad()
def differences_of(variants: Mapping[K, Variant], groups: Groups) -> dict[K, Differences]:
    """Return the metric of every pair of a task under each variant."""
    pairs = sum(len(indices) for indices, _ in groups)
    found = {name: Differences(*torch.zeros(2, pairs)) for name in variants}
    for indices, batch in in_batches(groups, min(rows_at_a_time(v.model) for v in variants.values())):
        for side, tokens in enumerate((batch.clean, batch.patch)):
            for name, got in _passes(variants, tokens, "last"):
                found[name][side][indices] = logit_difference(got.logits[:, -1], batch.to(got.logits.device)).cpu()
    return found


def _passes(variants: Mapping[K, Variant], tokens: Tensor, logits: Literal["last", "none"]) -> Iterator[tuple[K, Run]]:
    """Yield each variant's pass on tokens (batch, position), with its activations at the last site.

    Variants of one model whose first edit is of the residual stream begin there: what comes before is the same for all.
    """
    begins = {name: min(v.intervention, key=lambda site: site.order, default=None) for name, v in variants.items()}
    shared: dict[int, dict[Site, Tensor]] = {}
    for model in {id(v.model): v.model for v in variants.values()}.values():
        mine = [site for name, site in begins.items() if site and variants[name].model is model]
        starts = {site for site in mine if site.kind == "resid_post"} if len(mine) > 1 else set()
        shared[id(model)] = run(model, tokens.to(model.device), read=list(starts)).activations if starts else {}
    for name, variant in variants.items():
        edits, begin, model = dict(variant.intervention), begins[name], variant.model
        start = None
        if begin in shared[id(model)]:
            start = (begin, edits.pop(begin)(shared[id(model)][begin]))
        read = [last_site(model)]
        yield name, run(model, tokens.to(model.device), read=read, edit=edits, start=start, logits=logits)


class TextEffects(NamedTuple):
    """Next-token loss, and divergence from the first variant, in nats a token; the latter also at each position.

    `at` is (sequence, position): at a token, how far apart the predictions of the next one are.
    """

    loss: float
    kl: float
    at: Tensor


@torch.no_grad()
def text_effects(variants: Mapping[K, Variant], batches: Sequence[Tensor]) -> dict[K, TextEffects]:
    """Return what variants do on text (sequence, position), or images; divergences are from the first one."""
    found: dict[K, list[Effects]] = {name: [] for name in variants}
    for batch in batches:
        models = []
        for name, got in _passes(variants, batch, "none"):
            (hidden,) = got.activations.values()
            models.append((variants[name].model, hidden))
        for name, effects in zip(variants, compare(batch.to(hidden.device), models), strict=True):
            found[name].append(Effects(*(values.cpu() for values in effects)))
    both = {name: Effects(*(torch.cat(part) for part in zip(*parts, strict=True))) for name, parts in found.items()}
    return {
        name: TextEffects(one.loss.double().mean().item(), one.kl.double().mean().item(), one.kl)
        for name, one in both.items()
    }
