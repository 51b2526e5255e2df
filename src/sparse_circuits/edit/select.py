"""Greedy choice of features to rewrite: as few as close a task's gap, at no harm to what must stay.

In each round one backward pass ranks all features by what ablating them would do to the gap, to first order. The best
are tried for true, ablated and turned round, whole or only where they are no more active than the goal's prompts make
them; the one that leaves the smallest gap is taken, if the gap falls on held-out pairs too and the accuracies and the
loss that must stay do. Where none may be taken the next best are tried. Every trial that was decided on is written down
with its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from sparse_circuits.artefacts.edit_selection import SelectionTrial
from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.search.problem import split_pairs
from sparse_circuits.config.edits import Select
from sparse_circuits.config.site import Site
from sparse_circuits.edit.effects import first_order_effects
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.edit.judging import ConceptJudge
from sparse_circuits.edit.measure import Variant, differences, differences_of, text_effects
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import rows_at_a_time
from sparse_circuits.models.run import Run, run
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, PairBatch, in_batches

HELD_OUT = 0.25  # share of the training pairs that a choice must also hold on
LOUDER = 1.5  # a feature speaks aloud on a kept task where it is so many times as active as on the goal's prompts
ABOVE = (
    1.1  # times the largest activation on the goal's prompts, from which on a feature that none speaks aloud is left
)
PATIENCE = 5  # rounds in a row in which nothing may be taken
Chosen = dict[Node, Rewriting]


@dataclass(frozen=True)
class Stakes:
    """What is to change, and what is to stay: pairs of the goal and of kept tasks, and text (sequence, position)."""

    goal: Groups
    keep: Mapping[str, Groups]
    text: Sequence[Tensor]


def select(
    model: Model,
    basis: Basis,
    stakes: Stakes,
    limits: Select,
    allowed: Mapping[Site, Tensor] | None = None,
    judge: ConceptJudge | None = None,
) -> tuple[Chosen, list[SelectionTrial]]:
    """Return the features chosen with their rewritings, and a row for each trial that was decided on.

    `allowed` are masks (width,) of features that may be chosen; all where not given. Without `judge` nobody is asked
    what a feature is about.
    """
    train, held_out = split_pairs(stakes.goal, HELD_OUT)
    before = _Costs(Variant(model), stakes, held_out)
    first = differences(Variant(model), train).gap.mean().item()
    bounds = _bounds(model, basis, stakes, train)
    chosen: Chosen = {}
    gap, refused, rows = first, set[tuple[Node, Rewriting]](), []
    costs, fruitless = before, 0
    progress = Progress(total=limits.at_most, desc="choose", unit="feature")
    while len(chosen) < limits.at_most and abs(gap) > limits.target * abs(first) and fruitless < PATIENCE:
        untried = {
            node: [how for how in _rewritings(limits.factors, bounds[node]) if (node, how) not in refused]
            for node in _ranked(model, basis, train, chosen, gap > 0, allowed)
        }
        shortlist = [node for node, rewritings in untried.items() if rewritings][: limits.shortlist]
        variants = {
            (node, how): Variant(model, rewrite_nodes(basis, {**chosen, node: how}))
            for node in shortlist
            for how in untried[node]
        }
        gaps = {trial: found.gap.mean().item() for trial, found in differences_of(variants, train).items()}
        taken = False
        for (node, rewriting), signed in sorted(gaps.items(), key=lambda trial: abs(trial[1])):
            left, variant = abs(signed), variants[node, rewriting]
            if left >= 0.98 * abs(gap):
                break
            after = _Costs(variant, stakes, held_out)
            reason = costs.objection(after, before, limits)
            praise = f"the gap falls from {abs(gap):.3f} to {left:.3f} nats, nothing else much"
            if judge and not reason:
                judgement = judge(node)
                said = f"{'' if judgement.about else 'not '}about {judge.about}: {judgement.because}"
                reason, praise = (None if judgement.about else said), f"{praise}; {said}"
            trial = {"node": node.id, **vars(rewriting), "gap": left, **after.row(), "taken": not reason}
            rows.append(SelectionTrial.model_validate({**trial, "reason": reason or praise}))
            if not reason:
                chosen[node], gap, costs, taken = rewriting, signed, after, True
                progress.update()
                break
            refused.add((node, rewriting))
        fruitless = 0 if taken else fruitless + 1
    progress.close()
    return chosen, rows


@dataclass(frozen=True)
class _Costs:
    """What a variant does to held-out pairs of the goal, to kept tasks and to text; measured when it is asked for."""

    variant: Variant
    stakes: Stakes
    held_out: Groups

    @cached_property
    def held_out_gap(self) -> float:
        return differences(self.variant, self.held_out).gap.mean().item()

    @cached_property
    def accuracy(self) -> dict[str, float]:
        return {name: differences(self.variant, groups).accuracy for name, groups in self.stakes.keep.items()}

    @cached_property
    def loss(self) -> float:
        return text_effects({"": self.variant}, self.stakes.text)[""].loss

    def row(self) -> dict[str, object]:
        """What was measured: of a variant that was refused early, not all."""
        return {name: vars(self).get(name) for name in ("held_out_gap", "accuracy", "loss")}

    def objection(self, after: "_Costs", before: "_Costs", limits: Select) -> str | None:
        """Say what speaks against a variant that comes after this one, if anything; what is cheap is asked first."""
        if abs(after.held_out_gap) >= abs(self.held_out_gap):
            return f"the gap on held-out pairs goes from {self.held_out_gap:.3f} to {after.held_out_gap:.3f} nats"
        for name, accuracy in before.accuracy.items():
            if accuracy - after.accuracy[name] > limits.accuracy:
                return f"accuracy on {name} falls from {accuracy:.3f} to {after.accuracy[name]:.3f}"
        if after.loss - before.loss > limits.loss:
            return f"the loss on text rises by {after.loss - before.loss:.4f} nats"
        return None


def _rewritings(factors: Sequence[float], bound: float) -> list[Rewriting]:
    return [Rewriting(factor, below=below) for factor in factors for below in (None, bound)]


def _ranked(
    model: Model, basis: Basis, groups: Groups, chosen: Chosen, positive: bool, allowed: Mapping[Site, Tensor] | None
) -> list[Node]:
    """The features that are not chosen, by how much nearer to 0 their ablation brings the gap, to first order."""
    effects = {site: torch.zeros(dictionary.width) for site, dictionary in basis.items()}
    done = rewrite_nodes(basis, chosen)
    for _, batch in in_batches(groups, rows_at_a_time(model)):
        batch = batch.to(model.device)
        for sign, tokens in ((1.0, batch.clean), (-1.0, batch.patch)):
            metric = partial(_signed_difference, batch=batch, sign=sign)
            for site, effect in first_order_effects(model, basis, tokens, metric, done, logits="last").items():
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
    return sign * logit_difference(found.logits[:, -1], batch).sum()


@torch.no_grad()
def _bounds(model: Model, basis: Basis, stakes: Stakes, goal: Groups) -> dict[Node, float]:
    """Up to where a feature says what the goal's prompts have it say, and not something else.

    For one that a kept task activates far more strongly it is the middle between the two, else a little above its
    largest activation on the goal's prompts.
    """

    def peaks(groups: Groups) -> dict[Site, Tensor]:
        """The largest activation of each feature on each prompt: (prompt, width)."""
        largest: dict[Site, list[Tensor]] = {site: [] for site in basis}
        for _, batch in groups:
            for tokens in (batch.clean, batch.patch):
                read = run(model, tokens.to(model.device), read=list(basis)).activations
                for site, dictionary in basis.items():
                    largest[site].append(dictionary.read(read[site][:, 1:]).amax(dim=1).cpu())
        return {site: torch.cat(parts) for site, parts in largest.items()}

    def where_active(values: Tensor) -> Tensor:
        return values.sum(dim=0) / (values > 0).sum(dim=0).clamp(min=1)

    quiet = peaks(goal)
    kept = [peaks(groups) for groups in stakes.keep.values()]
    bounds: dict[Node, float] = {}
    for site, values in quiet.items():
        weak, bound = where_active(values), torch.full_like(values[0], torch.inf)
        for strong in (where_active(of[site]) for of in kept):
            aloud = (strong > LOUDER * weak) & (weak > 0)
            bound = torch.where(aloud, torch.minimum(bound, (strong + weak) / 2), bound)
        bound = torch.where(bound.isinf(), ABOVE * values.amax(dim=0), bound)
        bounds |= {Node(site, index): value for index, value in enumerate(bound.tolist())}
    return bounds
