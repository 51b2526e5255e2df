"""What every search is given: candidate nodes, pairs to learn from, and held-out pairs that judge circuits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sparse_circuits.circuits.ablation import Circuit, run_ablated, run_circuits
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.fills import Ablation, mean_ablation
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.errors import StudyError
from sparse_circuits.models.load import Language
from sparse_circuits.models.run import run
from sparse_circuits.progress import Progress
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, PairBatch

PAIRS = 8  # training pairs in one step of learning
SPARED = 0.1  # share of the closed gates that a step of learning leaves open, at most


def split_pairs(groups: Groups, share: float) -> tuple[Groups, Groups]:
    """Split pairs in two: the first ones, and the last `share` of all by their numbers. Neither part is empty.

    Raises StudyError when there are fewer than two pairs.
    """
    count = sum(len(indices) for indices, _ in groups)
    if count < 2:
        raise StudyError(f"a search needs two pairs or more, one of them held out, found {count}")
    first = min(max(1, round(count * (1 - share))), count - 1)
    return _numbered(groups, range(first)), _numbered(groups, range(first, count))


def _numbered(groups: Groups, wanted: range) -> Groups:
    found = []
    for indices, batch in groups:
        rows = [row for row, index in enumerate(indices) if index in wanted]
        if rows:
            found.append(([indices[row] - wanted.start for row in rows], batch.take(rows)))
    return found


@dataclass(frozen=True)
class Judge:
    """Measures the faithfulness of circuits on some pairs, with every other node ablated and error nodes kept."""

    language: Language
    groups: Groups
    basis: Basis
    ablation: Ablation
    positions: int
    batch_tokens: int

    @classmethod
    def of(cls, language: Language, groups: Groups, basis: Basis, scores: NodeScores, batch_tokens: int) -> "Judge":
        """Judge by mean ablation, with the means that lie beside scores."""
        return cls(language, groups, basis, mean_ablation(scores.means), scores.positions, batch_tokens)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The mean metric with everything ablated, errors too, and of the whole model."""
        ends = [Circuit.of([], self.basis, self.positions, errors=False), Circuit.whole(self.basis)]
        empty, whole = self._metric(ends).tolist()
        if whole <= empty:
            raise StudyError(f"the model's metric {whole:.4g} is no better than with every node ablated, {empty:.4g}")
        return empty, whole

    def faithfulness(self, circuits: Sequence[Sequence[Node]]) -> list[float]:
        """Return (m(C) - m(0)) / (m(M) - m(0)) of each circuit, m the mean metric (Marks et al. 2024, section 3.2)."""
        empty, whole = self.bounds
        kept = [Circuit.of(nodes, self.basis, self.positions) for nodes in circuits]
        return ((self._metric(kept) - empty) / (whole - empty)).tolist()

    def first(self, pairs: int) -> "Judge":
        """Return a judge on the first pairs alone."""
        return replace(self, groups=_numbered(self.groups, range(pairs)))

    def _metric(self, circuits: Sequence[Circuit]) -> Tensor:
        outcome = run_circuits(self.language, self.groups, self.basis, self.ablation, circuits, self.batch_tokens)
        return outcome.metric.double().mean(dim=1)


@dataclass(frozen=True)
class Problem:
    """A search for the smallest circuit among `candidates` (best first, as `NodeScores.ranked`).

    `scores` (candidate,) are their mean scores. Searches learn from `train`; only `held_out` decides on sizes.
    """

    candidates: list[Node]
    scores: Tensor
    train: Judge
    held_out: Judge
    seed: int

    def batches(self, steps: int) -> Iterator["MaskedBatch"]:
        """Yield as many batches of training pairs of one length, in an order that is random."""
        generator = torch.Generator().manual_seed(self.seed)
        parts = [part for _, batch in self.train.groups for part in _shuffled(batch, generator).split(PAIRS)]
        masked = [MaskedBatch(self, part) for part in parts]
        with Progress(total=steps, desc="learn masks", unit="step") as progress:
            while progress.n < steps:
                for number in torch.randperm(len(masked), generator=generator)[: steps - progress.n].tolist():
                    yield masked[number]
                    progress.update()


def pose(
    language: Language,
    groups: Groups,
    basis: Basis,
    scores: NodeScores,
    candidates: int,
    held_out: float,
    seed: int,
    batch_tokens: int,
) -> Problem:
    """Pose the search among the best-scored nodes; the last `held_out` of the training pairs is for validation."""
    nodes = scores.ranked()[:candidates]
    if not nodes:
        raise StudyError("no node scores anything; there is nothing to search among")
    train, rest = (Judge.of(language, part, basis, scores, batch_tokens) for part in split_pairs(groups, held_out))
    return Problem(nodes, torch.tensor([scores.mean(node) for node in nodes]), train, rest, seed)


def ranked(problem: Problem, strength: Tensor) -> list[Node]:
    """Return the candidates by falling strength (candidate,); ties go by score."""
    order = torch.argsort(strength.detach().cpu(), descending=True, stable=True)
    return [problem.candidates[n] for n in order.tolist()]


def spare(gates: Tensor, generator: torch.Generator) -> Tensor:
    """Return gates (circuit, candidate) of which a random few are open, so that a random subset of the rest is ablated.

    The share of those opened is drawn anew for each circuit, from 0 to SPARED. A circuit has to do its work whichever
    part of the rest is ablated, and cannot lean on what the model does only when just all of it is.
    """
    share = SPARED * torch.rand(len(gates), 1, generator=generator)
    opened = torch.rand(gates.shape, generator=generator) < share
    return gates.masked_fill(opened.to(gates.device), 1.0)


def _shuffled(batch: PairBatch, generator: torch.Generator) -> PairBatch:
    return batch.take(torch.randperm(len(batch), generator=generator).tolist())


class MaskedBatch:
    """Some pairs, run with gates on the candidates; all else but error nodes is ablated."""

    def __init__(self, problem: Problem, batch: PairBatch) -> None:
        judge = problem.train
        language, basis = judge.language, judge.basis
        self.judge, self.batch = judge, batch.to(language.device)
        first = next(iter(basis))
        with torch.no_grad():
            clean = run(language, self.batch.clean, read=[first], logits="last")
        assert clean.logits is not None
        self.start = clean.activations[first]
        self.metric = logit_difference(clean.logits[:, -1], self.batch)
        self.fills = judge.ablation(language, basis, self.batch)
        self.places = {}
        for site in basis:
            numbers = [n for n, node in enumerate(problem.candidates) if node.site == site]
            nodes = [problem.candidates[n] for n in numbers]
            flat = [(node.position or 0) * basis[site].width + (node.index or 0) for node in nodes]
            self.places[site] = torch.tensor(numbers, dtype=torch.long), torch.tensor(flat, dtype=torch.long)

    def run(self, gates: Tensor) -> Tensor:
        """Return the metric (circuit, pair) under gates (circuit, candidate): 1 keeps a node, 0 ablates it."""
        circuits, left_out = len(gates), {}
        for site, (numbers, flat) in self.places.items():
            positions, width = self.judge.positions, self.judge.basis[site].width
            closed = torch.ones(circuits, positions * width, device=gates.device)
            closed = closed.index_add(1, flat.to(gates.device), -gates[:, numbers])
            left_out[site] = closed.view(circuits, positions, width)
        logits = run_ablated(
            self.judge.language,
            self.batch,
            self.judge.basis,
            self.fills,
            left_out,
            torch.zeros(circuits),
            self.start,
        )
        return logit_difference(logits, self.batch.repeat(circuits)).view(circuits, -1)

    def loss(self, gates: Tensor) -> Tensor:
        """Return how far the metric is from the whole model's: the mean |difference| of pairs, 1 for the mean gap.

        Both too little and too much count, or masks would grow circuits that overshoot.
        """
        empty, whole = self.judge.bounds
        return (self.run(gates) - self.metric).abs().mean() / (whole - empty)
