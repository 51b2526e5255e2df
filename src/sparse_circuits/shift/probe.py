"""A linear probe on activations averaged over a text's positions, and how far it rests on gender."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.artefacts.shift_evaluation import GroupAccuracies
from sparse_circuits.config.site import Site
from sparse_circuits.models.intervention import Intervention
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.sae.logistic import Probe, fit_probe

BATCH = 16  # texts in one pass


@dataclass(frozen=True)
class Texts:
    """Texts as tokens: `tokens` (text, position), padded at the end, and which of them count (text, position).

    The separator at position 0 does not count.
    """

    tokens: Tensor
    counts: Tensor

    @classmethod
    def of(cls, texts: Sequence[str], model: Model, longest: int) -> "Texts":
        """Encode texts, each up to so many tokens."""
        rows = [model.tokenizer.encode(text, add_special_tokens=False)[:longest] for text in texts]
        width = 1 + max(len(row) for row in rows)
        tokens = torch.full((len(rows), width), model.separator_id)
        counts = torch.zeros(len(rows), width, dtype=torch.bool)
        for place, row in enumerate(rows):
            tokens[place, 1 : 1 + len(row)] = torch.tensor(row)
            counts[place, 1 : 1 + len(row)] = True
        return cls(tokens, counts)

    def take(self, indices: Sequence[int]) -> "Texts":
        """Return some of the texts."""
        return Texts(self.tokens[list(indices)], self.counts[list(indices)])

    def batches(self) -> list["Texts"]:
        """Return the texts a few at a time."""
        return [Texts(*part) for part in zip(self.tokens.split(BATCH), self.counts.split(BATCH), strict=True)]


def mean_over(x: Tensor, counts: Tensor) -> Tensor:
    """Average activations (text, position, d) over the positions that count: (text, d)."""
    weights = counts.to(x) / counts.sum(dim=1, keepdim=True)
    return torch.einsum("tpd,tp->td", x, weights)


@torch.no_grad()
def pooled(model: Model, texts: Texts, site: Site, intervention: Intervention | None = None) -> Tensor:
    """Return each text's mean activation at a site, (text, d), under an intervention or without."""
    parts = []
    for part in texts.batches():
        x = run(model, part.tokens.to(model.device), read=[site], edit=intervention).activations[site]
        parts.append(mean_over(x, part.counts.to(x.device)).cpu())
    return torch.cat(parts)


def fit(x: Tensor, second: Tensor) -> Probe:
    """Fit a probe on activations (text, d), each dimension in its own units; `second` (text,) tells the class."""
    deviation = x.std(dim=0).clamp(min=1e-6)
    found = fit_probe(x / deviation, second)
    return Probe(found.weight / deviation, found.bias)


def group_accuracies(says_second: Tensor, second: Tensor, woman: Tensor) -> GroupAccuracies:
    """Return how often a probe is right about profession, agrees with gender, and is right in its worst group.

    All are (text,) of booleans; a probe that does not see gender agrees with it half of the time.
    """
    right = says_second == second
    groups = [right[(second == s) & (woman == w)] for s in (False, True) for w in (False, True)]
    return GroupAccuracies(
        profession=right.double().mean().item(),
        gender=(says_second == woman).double().mean().item(),
        worst_group=min(group.double().mean().item() for group in groups),
    )


def concepts(model: Model, words: Sequence[str], site: Site) -> Tensor:
    """Return the directions of words, (word, d): their activations less the words' mean, of length 1.

    Similarities to such directions are what a concept bottleneck probe reads (Yan et al. 2023, as in Marks et al.).
    """
    texts = Texts.of([f" {word}" for word in words], model, 8)
    found = pooled(model, texts, site)
    found = found - found.mean(dim=0)
    return found / found.norm(dim=1, keepdim=True)


def similarities(x: Tensor, directions: Tensor) -> Tensor:
    """Return cosines of centred activations (text, d) with directions (word, d): (text, word)."""
    return (x / x.norm(dim=1, keepdim=True)) @ directions.T
