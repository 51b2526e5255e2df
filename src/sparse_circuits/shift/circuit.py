"""The circuit of a probe: the features whose ablation hurts it most; and which of them are about gender."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.config.site import Site
from sparse_circuits.edit.effects import first_order_effects
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Run, run
from sparse_circuits.sae.logistic import Probe
from sparse_circuits.shift.probe import BATCH, Texts, mean_over
from sparse_circuits.shift.words import on_gendered


def circuit(
    model: Model, basis: Basis, texts: Texts, second: Tensor, site: Site, probe: Probe, size: int
) -> dict[Node, float]:
    """Return the nodes whose ablation lowers the log odds of the right class most, by how much a text (to first order).

    `second` (text,) tells whether the second class is right.
    """
    effects = {at: torch.zeros(dictionary.width) for at, dictionary in basis.items()}
    for part, signs in zip(texts.batches(), (2.0 * second - 1).split(BATCH), strict=True):
        metric = partial(_right_log_odds, site=site, probe=probe, counts=part.counts, signs=signs)
        for at, effect in first_order_effects(model, basis, part.tokens, metric, {}, read=site).items():
            effects[at] -= effect / len(texts.tokens)
    found = [
        (value, Node(at, index))
        for at, effect in effects.items()
        for value, index in zip(*(part.tolist() for part in effect.topk(min(size, len(effect)))), strict=True)
    ]
    found.sort(key=lambda one: one[0], reverse=True)
    return {node: value for value, node in found[:size] if value > 0}


def _right_log_odds(found: Run, site: Site, probe: Probe, counts: Tensor, signs: Tensor) -> Tensor:
    x = found.activations[site]
    return ((mean_over(x, counts.to(x.device)) @ probe.weight.to(x) + probe.bias) * signs.to(x)).sum()


@dataclass(frozen=True)
class TextActivity:
    """What each site's features do on texts: their means over positions, and which share of that is on words of gender.

    Both are (width,) a site.
    """

    mean: Mapping[Site, Tensor]
    on_words: Mapping[Site, Tensor]


@torch.no_grad()
def activity(model: Model, basis: Basis, texts: Texts) -> TextActivity:
    """Return what features do on texts, at the positions that count."""
    on_words, total = (
        {site: torch.zeros(dictionary.width, dtype=torch.float64) for site, dictionary in basis.items()}
        for _ in range(2)
    )
    for part in texts.batches():
        read = run(model, part.tokens.to(model.device), read=list(basis)).activations
        gendered = torch.tensor([on_gendered(model.tokenizer.batch_decode(row[:, None])) for row in part.tokens])
        for site, dictionary in basis.items():
            f = dictionary.read(read[site]).cpu().double() * part.counts[:, :, None]
            total[site] += f.sum(dim=(0, 1))
            on_words[site] += (f * gendered[:, :, None]).sum(dim=(0, 1))
    return TextActivity(
        {site: sums / texts.counts.sum() for site, sums in total.items()},
        {site: sums / total[site].clamp(min=1e-9) for site, sums in on_words.items()},
    )


@dataclass(frozen=True)
class Evidence:
    """Why a feature is held to be about gender or not: its activation's share on words of gender, and whether such a
    word is among the tokens that it promotes most."""

    on_words: float
    promotes: bool

    def about_gender(self, share: float) -> bool:
        """Whether either says so."""
        return self.promotes or self.on_words >= share
