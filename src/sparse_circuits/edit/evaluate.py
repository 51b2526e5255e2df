"""What an edit does on test pairs and held-out text, beside the model as it was and other ways of doing it."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.artefacts.edit_evaluation import ChangedNode, ChangedPrediction, Judgement
from sparse_circuits.base.statistics import crossed_weights, interval95, resamples, wilson95
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.edit.measure import Differences, TextEffects, Variant, differences_of
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.models.texts import pieces, token_text
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import Groups, encode_pairs
from sparse_circuits.tasks.stated_gender import STATED


@dataclass(frozen=True)
class Trials:
    """The test pairs that edits are judged by: the goal's, those of kept behaviours, and of occupations."""

    goal: Sequence[Pair]
    keep: Mapping[str, Sequence[Sequence[Pair]]]
    occupations: Sequence[Pair]
    model: Model
    seed: int

    def encoded(self, pairs: Sequence[Pair]) -> Groups:
        """Return the pairs as batches of tokens; those whose gendered words are deleted may differ in nothing."""
        return encode_pairs(list(pairs), self.model.tokenizer, self.model.separator_id, differ=False)

    def without_gendered_words(self) -> "Trials":
        """Return the same without words that state a gender, in pairs whose prompts stay of a length."""
        words = {word for pairs in STATED.values() for pair in pairs for text in pair for word in text.split()[:1]}

        def cut(pair: Pair) -> Pair:
            clean, patch = (" ".join(w for w in text.split() if w not in words) for text in (pair.clean, pair.patch))
            same = len(clean.split()) == len(patch.split())
            return replace(pair, clean=clean, patch=patch) if same else pair

        keep = {name: [[cut(pair) for pair in pairs] for pairs in tasks] for name, tasks in self.keep.items()}
        return replace(self, goal=[*map(cut, self.goal)], keep=keep, occupations=[*map(cut, self.occupations)])


def judge_variants(
    variants: Mapping[str, Variant], trials: Trials, text: Mapping[str, TextEffects]
) -> dict[str, Judgement]:
    """Return what each variant does.

    The goal's gap in nats, also by template; accuracies of what is kept; perplexity; divergence in nats a token; the
    correlation of pronouns with shares of women. Of attractors also the share of patch prompts, where they do not agree
    with the subject, that are answered wrongly. Intervals of 95 % (`<name>_ci95`): of the gap over templates and words,
    where pairs share these, else over pairs; of shares over prompts; of the correlation over occupations.
    """
    goal = differences_of(variants, trials.encoded(trials.goal))
    keep = {
        name: [differences_of(variants, trials.encoded(pairs)) for pairs in tasks]
        for name, tasks in trials.keep.items()
    }
    occupations = differences_of(variants, trials.encoded(trials.occupations))
    return {
        name: _judgement(
            trials,
            goal[name],
            {what: [t[name] for t in tasks] for what, tasks in keep.items()},
            occupations[name],
            text[name],
        )
        for name in variants
    }


def _judgement(
    trials: Trials,
    found: Differences,
    keep: Mapping[str, Sequence[Differences]],
    occupations: Differences,
    text: TextEffects,
) -> Judgement:
    weights = crossed_weights(_drawn_together(trials.goal), trials.seed)
    shares = {
        name: (fmean(task.accuracy for task in tasks), 2 * sum(len(task.clean) for task in tasks))
        for name, tasks in keep.items()
    }
    if "attractors" in trials.goal[0].variables:
        shares["errors"] = ((found.patch < 0).double().mean().item(), len(found.patch))
    return {
        "gap": found.gap.mean().item(),
        "gap_ci95": interval95(weights @ found.gap.double() / weights.sum(dim=1)).tolist(),
        "gap_by_template": _by_template(trials.goal, found),
        **{name: share for name, (share, _) in shares.items()},
        **{f"{name}_ci95": wilson95(*share) for name, share in shares.items()},
        "perplexity": exp(text.loss),
        "kl": text.kl,
        **(_correlation(trials.occupations, occupations, trials.seed) if trials.occupations else {}),
    }


def _drawn_together(pairs: Sequence[Pair]) -> list[list[Any]]:
    """What pairs have in common, a row a property: the template and the word; where they have none, nothing."""
    shared = [name for name in ("template", "profession", "word") if all(name in pair.variables for pair in pairs)]
    return [[pair.variables[name] for pair in pairs] for name in shared] or [list(range(len(pairs)))]


def _by_template(pairs: Sequence[Pair], found: Differences) -> dict[str, float]:
    rows = defaultdict(list)
    for pair, gap in zip(pairs, found.gap.tolist(), strict=True):
        rows[pair.variables.get("template", "all")].append(gap)
    return {template: fmean(gaps) for template, gaps in rows.items()}


def _correlation(pairs: Sequence[Pair], found: Differences, seed: int) -> Judgement:
    """Pearson's, of each occupation's mean log P(she) / P(he) over templates with its share of women."""
    shares: dict[str, float] = {}
    values: dict[str, list[float]] = defaultdict(list)
    for pair, clean, patch in zip(pairs, found.clean.tolist(), found.patch.tolist(), strict=True):
        for prefix, value in (("", clean), ("patch_", patch)):
            word = pair.variables[f"{prefix}profession"]
            shares[word] = pair.variables[f"{prefix}female_share"]
            values[word].append(value)
    points = np.array([[shares[word], fmean(row)] for word, row in values.items()]).T
    draws = [points[:, chosen] for chosen in resamples(len(shares), seed).numpy()]
    drawn = [np.corrcoef(draw)[0, 1] for draw in draws if np.ptp(draw[0]) > 0]
    return {
        "correlation": float(np.corrcoef(points)[0, 1]),
        "correlation_ci95": interval95(torch.tensor(drawn)).tolist(),
    }


@torch.no_grad()
def most_changed(
    before: Variant, after: Variant, apart: Tensor, text: Tensor, count: int = 20, context: int = 12
) -> list[ChangedPrediction]:
    """Return the places of text (sequence, position) after which predictions are furthest apart, with what is before.

    `apart` (sequence, position - 1) is in nats. `rises` and `falls` are the tokens whose probability changes most.
    """
    tokenizer, rows = before.model.tokenizer, []
    for place in apart.flatten().topk(min(count, apart.numel())).indices.tolist():
        sequence, position = divmod(place, apart.shape[1])
        prompt = text[sequence : sequence + 1, : position + 1]
        follows = int(text[sequence, position + 1].item())
        old, new = (_next_probabilities(variant, prompt) for variant in (before, after))
        rows.append(
            ChangedPrediction(
                context="".join(pieces(tokenizer, prompt[0, 1:][-context:].tolist())),
                next=token_text(tokenizer, follows),
                kl=apart[sequence, position].item(),
                rises=token_text(tokenizer, int((new - old).argmax())),
                falls=token_text(tokenizer, int((old - new).argmax())),
            )
        )
    return rows


def _next_probabilities(variant: Variant, prompt: Tensor) -> Tensor:
    model = variant.model
    return run(model, prompt.to(model.device), edit=variant.intervention, logits="last").logits[0, -1].softmax(dim=-1)


@torch.no_grad()
def most_changed_nodes(
    before: Variant, after: Variant, basis: Basis, text: Sequence[Tensor], edited: Container[Node], count: int = 20
) -> list[ChangedNode]:
    """Return the nodes whose activation an edit changes most, of those that it does not rewrite itself.

    `change` is the mean over text (sequence, position) of how far a node's coordinate moves; `before` and `after` are
    its means. Separators are left out.
    """
    first = min(after.intervention, key=lambda site: site.order)
    sites = [site for site, dictionary in basis.items() if site.order >= first.order and dictionary.reads is None]
    sums = {site: torch.zeros(3, basis[site].width, dtype=torch.float64) for site in sites}
    for batch in text:
        old, new = (
            run(v.model, batch.to(v.model.device), edit=v.intervention, read=sites).activations for v in (before, after)
        )
        for site, total in sums.items():
            was, now = (basis[site].read(found[site][:, 1:]).flatten(0, 1) for found in (old, new))
            for row, values in zip(total, (was, now, (now - was).abs()), strict=True):
                row += values.unflatten(-1, (-1, basis[site].group)).norm(dim=-1).double().sum(dim=0).cpu()
    tokens = sum(len(batch) * (before.model.positions(batch) - 1) for batch in text)
    rows = [
        ChangedNode(node=node.id, before=was / tokens, after=now / tokens, change=change / tokens)
        for site, total in sums.items()
        for index in total[2].topk(min(2 * count, len(total[2]))).indices.tolist()
        if (node := Node(site, index)) not in edited
        for was, now, change in [total[:, index].tolist()]
    ]
    return sorted(rows, key=lambda row: row.change, reverse=True)[:count]


def mean_judgement(rows: Sequence[Judgement]) -> Judgement:
    """Return the means of several judgements, with the least and the largest gap."""
    numbers = [{key: value for key, value in row.items() if isinstance(value, float)} for row in rows]
    found: Judgement = {key: fmean(row[key] for row in numbers) for key in numbers[0]}
    return {**found, "gap_range": [min(row["gap"] for row in numbers), max(row["gap"] for row in numbers)]}


@torch.no_grad()
def continuations(variants: Mapping[str, Variant], prompts: Sequence[str], tokens: int = 16) -> list[dict[str, str]]:
    """Return what each variant goes on with after each prompt, always the likeliest token."""
    rows = []
    for prompt in prompts:
        row = {"prompt": prompt}
        for name, variant in variants.items():
            row[name] = variant.model.changed(variant.intervention).generate(prompt, tokens)
        rows.append(row)
    return rows
