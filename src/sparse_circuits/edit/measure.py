"""What an edit is judged by: gaps and accuracies on pairs, and loss and divergence on text."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from sparse_circuits.config import Site
from sparse_circuits.edit.intervention import Intervention
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import cross_entropy, predictions
from sparse_circuits.tasks import Groups, logit_difference

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Variant:
    """A model as it is, or under an intervention."""

    language: Language
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
    for indices, batch in groups:
        for side, tokens in enumerate((batch.clean, batch.patch)):
            for name, logits in _passes(variants, tokens, "last"):
                found[name][side][indices] = logit_difference(logits[:, -1], batch.to(logits.device)).cpu()
    return found


def _passes(
    variants: Mapping[K, Variant], tokens: Tensor, logits: Literal["last", "all"]
) -> Iterator[tuple[K, Tensor]]:
    """Yield each variant's logits on tokens (batch, position).

    Variants of one model whose first edit is of the residual stream begin there: what comes before is the same for all.
    """
    begins = {name: min(v.intervention, key=lambda site: site.order, default=None) for name, v in variants.items()}
    shared: dict[int, dict[Site, Tensor]] = {}
    for language in {id(v.language): v.language for v in variants.values()}.values():
        mine = [site for name, site in begins.items() if site and variants[name].language is language]
        starts = {site for site in mine if site.kind == "resid_post"} if len(mine) > 1 else set()
        shared[id(language)] = (
            run(language, tokens.to(language.device), read=list(starts)).activations if starts else {}
        )
    for name, variant in variants.items():
        edits, begin, language = dict(variant.intervention), begins[name], variant.language
        start = None
        if begin in shared[id(language)]:
            start = (begin, edits.pop(begin)(shared[id(language)][begin]))
        found = run(language, tokens.to(language.device), edit=edits, start=start, logits=logits).logits
        assert found is not None
        yield name, found


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
    losses = dict.fromkeys(variants, 0.0)
    apart: dict[K, list[Tensor]] = {name: [] for name in variants}
    for batch in batches:
        likely = None
        for name, logits in _passes(variants, batch, "all"):
            inputs = batch.to(logits.device)
            losses[name] += cross_entropy(logits, inputs).double().sum().item()
            unlikely = predictions(logits, inputs).log_softmax(dim=-1)
            likely = unlikely if likely is None else likely
            apart[name].append((likely.exp() * (likely - unlikely)).sum(dim=-1).cpu())
    found = {name: torch.cat(parts) for name, parts in apart.items()}
    return {name: TextEffects(losses[name] / at.numel(), at.double().mean().item(), at) for name, at in found.items()}
