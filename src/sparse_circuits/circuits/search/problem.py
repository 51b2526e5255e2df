"""What every search is given: candidate nodes, pairs to learn from, and held-out pairs that judge circuits."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.ablation import run_ablated
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.config.minimise_circuit import MinimiseCircuit
from sparse_circuits.models.run import run
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
    return numbered(groups, range(first)), numbered(groups, range(first, count))


def numbered(groups: Groups, wanted: range) -> Groups:
    """Return the pairs whose numbers are wanted, numbered anew from 0."""
    found = []
    for indices, batch in groups:
        rows = [row for row, index in enumerate(indices) if index in wanted]
        if rows:
            found.append(([indices[row] - wanted.start for row in rows], batch.take(rows)))
    return found


@dataclass(frozen=True)
class Problem:
    """A search for the smallest circuit among `candidates` (best first, as `NodeScores.ranked`).

    `scores` (candidate,) are their mean scores. Searches learn from `train`; only `held_out` decides on sizes.
    """

    candidates: list[Node]
    scores: Tensor
    train: Bench
    held_out: Bench
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


def pose(bench: Bench, scores: NodeScores, settings: MinimiseCircuit) -> Problem:
    """Pose the search among the best-scored nodes; the last `held_out` of the training pairs is for validation."""
    nodes = scores.ranked()[: settings.candidates]
    if not nodes:
        raise StudyError("no node scores anything; there is nothing to search among")
    bench = bench.with_means(scores)
    train, rest = map(bench.on, split_pairs(bench.groups, settings.held_out))
    return Problem(nodes, torch.tensor([scores.mean(node) for node in nodes]), train, rest, settings.seed)


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
        bench = problem.train
        model, basis = bench.model, bench.basis
        self.bench, self.batch = bench, batch.to(model.device)
        first = next(iter(basis))
        with torch.no_grad():
            clean = run(model, self.batch.clean, read=[first], logits="last")
        self.start = clean.activations[first]
        self.metric = logit_difference(clean.logits[:, -1], self.batch)
        self.fills = bench.ablation(model, basis, self.batch)
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
            positions, width = self.bench.positions, self.bench.basis[site].width
            closed = torch.ones(circuits, positions * width, device=gates.device)
            closed = closed.index_add(1, flat.to(gates.device), -gates[:, numbers])
            left_out[site] = closed.view(circuits, positions, width)
        logits = run_ablated(
            self.bench.model, self.batch, self.bench.basis, self.fills, left_out, torch.zeros(circuits), self.start
        )
        return logit_difference(logits, self.batch.repeat(circuits)).view(circuits, -1)

    def loss(self, gates: Tensor) -> Tensor:
        """Return how far the metric is from the whole model's: the mean |difference| of pairs, 1 for an empty circuit.

        Both too little and too much count, or masks would grow circuits that overshoot.
        """
        empty, whole = self.bench.bounds
        return (self.run(gates) - self.metric).abs().mean() / (whole - empty)
