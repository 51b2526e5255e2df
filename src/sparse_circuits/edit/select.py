"""Greedy choice of features to rewrite: as few as close a task's gap, at no harm to what must stay.

In each round one backward pass ranks all features by what ablating them would do to the gap, to first order. The best
are tried for true, ablated and turned round, whole or only where they say it weakly; the one that leaves the smallest
gap is taken, if the gap falls on held-out pairs too and the accuracies and the loss that must stay do. Every trial that
was decided on is written down with its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.search.problem import split_pairs
from sparse_circuits.config import Site
from sparse_circuits.config.edits import Select
from sparse_circuits.edit.effects import ablation_effects
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.edit.judging import Judge
from sparse_circuits.edit.measure import Variant, differences, differences_of, text_effects
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import Run
from sparse_circuits.tasks import Groups, PairBatch, logit_difference

HELD_OUT = 0.25  # share of the training pairs that a choice must also hold on
LOUDER = 1.5  # a feature speaks aloud on a kept task where it is so many times as active as on the goal's prompts
Chosen = dict[Node, Rewriting]


@dataclass(frozen=True)
class Stakes:
    """What is to change, and what is to stay: pairs of the goal and of kept tasks, and text (sequence, position)."""

    goal: Groups
    keep: Mapping[str, Groups]
    text: Sequence[Tensor]


def select(
    language: Language,
    basis: Basis,
    stakes: Stakes,
    limits: Select,
    allowed: Mapping[Site, Tensor] | None = None,
    judge: Judge | None = None,
) -> tuple[Chosen, list[dict[str, Any]]]:
    """Return the features chosen with their rewritings, and a row for each trial that was decided on.

    `allowed` are masks (width,) of features that may be chosen; all where not given. Without `judge` nobody is asked
    what a feature is about.
    """
    train, held_out = split_pairs(stakes.goal, HELD_OUT)
    before = _Costs.of(Variant(language), stakes, held_out)
    first = differences(Variant(language), train).gap.mean().item()
    aloud = _aloud(language, basis, stakes, train)
    chosen: Chosen = {}
    gap, refused, rows = first, set[tuple[Node, Rewriting]](), []
    costs = before
    while len(chosen) < limits.at_most and abs(gap) > limits.target * abs(first):
        variants: dict[tuple[Node, Rewriting], Variant] = {}
        for node in _ranked(language, basis, train, chosen, gap > 0, allowed)[: limits.shortlist]:
            for rewriting in _rewritings(limits.factors, aloud.get(node)):
                if (node, rewriting) not in refused:
                    edits = rewrite_nodes(basis, {**chosen, node: rewriting})
                    variants[node, rewriting] = Variant(language, edits)
        gaps = {trial: found.gap.mean().item() for trial, found in differences_of(variants, train).items()}
        taken = False
        for (node, rewriting), signed in sorted(gaps.items(), key=lambda trial: abs(trial[1])):
            left, variant = abs(signed), variants[node, rewriting]
            if left >= 0.98 * abs(gap):
                break
            after = _Costs.of(variant, stakes, held_out)
            reason = costs.objection(after, before, limits)
            praise = f"the gap falls from {abs(gap):.3f} to {left:.3f} nats, nothing else much"
            if judge and not reason:
                judgement = judge(node)
                said = f"{'' if judgement.about else 'not '}about {judge.about}: {judgement.because}"
                reason, praise = (None if judgement.about else said), f"{praise}; {said}"
            rows.append({"node": node.id, **vars(rewriting), "gap": left, **after.row(), "taken": not reason})
            rows[-1]["reason"] = reason or praise
            if not reason:
                chosen[node], gap, costs, taken = rewriting, signed, after, True
                break
            refused.add((node, rewriting))
        if not taken:
            break
    return chosen, rows


@dataclass(frozen=True)
class _Costs:
    """What a variant does to held-out pairs of the goal, to kept tasks and to text."""

    held_out_gap: float
    accuracy: Mapping[str, float]
    loss: float

    @classmethod
    def of(cls, variant: Variant, stakes: Stakes, held_out: Groups) -> "_Costs":
        accuracy = {name: differences(variant, groups).accuracy for name, groups in stakes.keep.items()}
        loss = text_effects({"": variant}, stakes.text)[""].loss
        return cls(differences(variant, held_out).gap.mean().item(), accuracy, loss)

    def row(self) -> dict[str, Any]:
        return {"held_out_gap": self.held_out_gap, "accuracy": dict(self.accuracy), "loss": self.loss}

    def objection(self, after: "_Costs", before: "_Costs", limits: Select) -> str | None:
        """Say what speaks against a variant that comes after this one, if anything does."""
        if abs(after.held_out_gap) >= abs(self.held_out_gap):
            return f"the gap on held-out pairs goes from {self.held_out_gap:.3f} to {after.held_out_gap:.3f} nats"
        for name, accuracy in before.accuracy.items():
            if accuracy - after.accuracy[name] > limits.accuracy:
                return f"accuracy on {name} falls from {accuracy:.3f} to {after.accuracy[name]:.3f}"
        if after.loss - before.loss > limits.loss:
            return f"the loss on text rises by {after.loss - before.loss:.4f} nats"
        return None


def _rewritings(factors: Sequence[float], aloud: float | None) -> list[Rewriting]:
    return [Rewriting(factor, below=below) for factor in factors for below in dict.fromkeys((None, aloud))]


def _ranked(
    language: Language,
    basis: Basis,
    groups: Groups,
    chosen: Chosen,
    positive: bool,
    allowed: Mapping[Site, Tensor] | None,
) -> list[Node]:
    """The features that are not chosen, by how much nearer to 0 their ablation brings the gap, to first order."""
    effects = {site: torch.zeros(dictionary.width) for site, dictionary in basis.items()}
    done = rewrite_nodes(basis, chosen)
    for _, batch in groups:
        batch = batch.to(language.device)
        for sign, tokens in ((1.0, batch.clean), (-1.0, batch.patch)):
            metric = partial(_signed_difference, batch=batch, sign=sign)
            for site, effect in ablation_effects(language, basis, tokens, metric, done, logits="last").items():
                effects[site] += effect
    nodes = []
    for site, effect in effects.items():
        gain = -effect if positive else effect
        if allowed is not None:
            gain = gain.masked_fill(~allowed[site], 0.0)
        values, indices = gain.topk(min(len(gain), 50))
        nodes += [(value, Node(site, i)) for value, i in zip(values.tolist(), indices.tolist(), strict=True)]
    nodes.sort(key=lambda one: one[0], reverse=True)
    return [node for value, node in nodes if value > 0 and node not in chosen]


def _signed_difference(found: Run, batch: PairBatch, sign: float) -> Tensor:
    assert found.logits is not None
    return sign * logit_difference(found.logits[:, -1], batch).sum()


@torch.no_grad()
def _aloud(language: Language, basis: Basis, stakes: Stakes, goal: Groups) -> dict[Node, float]:
    """For features that kept tasks activate far more strongly than the goal: the middle between the two."""

    def peaks(groups: Groups) -> dict[Site, Tensor]:
        """The mean over prompts that activate a feature of its largest activation: (width,)."""
        largest: dict[Site, list[Tensor]] = {site: [] for site in basis}
        for _, batch in groups:
            for tokens in (batch.clean, batch.patch):
                read = run(language, tokens.to(language.device), read=list(basis)).activations
                for site, dictionary in basis.items():
                    largest[site].append(dictionary.read(read[site][:, 1:]).amax(dim=1).cpu())
        found = {}
        for site, parts in largest.items():
            values = torch.cat(parts)
            found[site] = values.sum(dim=0) / (values > 0).sum(dim=0).clamp(min=1)
        return found

    weak = peaks(goal)
    thresholds: dict[Node, float] = {}
    for groups in stakes.keep.values():
        for site, strong in peaks(groups).items():
            for index in (strong > LOUDER * weak[site]).logical_and(weak[site] > 0).nonzero().flatten().tolist():
                middle = ((strong[index] + weak[site][index]) / 2).item()
                node = Node(site, index)
                thresholds[node] = min(middle, thresholds.get(node, middle))
    return thresholds
