"""Where circuits are tried: a model, pairs of prompts, a basis of nodes, and what ablated nodes are set to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder
from sparse_circuits.base.progress import Progress
from sparse_circuits.base.types import Metric
from sparse_circuits.circuits.ablation import Circuit, run_ablated, stacked
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.dictionaries import load_basis
from sparse_circuits.circuits.faithfulness import faithfulness
from sparse_circuits.circuits.fills import Ablation, mean_ablation, resample_ablation
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.models.load import Model, load_model
from sparse_circuits.models.predicted import divergence, rows_at_a_time
from sparse_circuits.models.run import run
from sparse_circuits.tasks.drawn import drawn
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pair import Pair, read_pairs
from sparse_circuits.tasks.pairs import Groups, encode_pairs, in_batches


class Outcome(NamedTuple):
    """What circuits do on clean prompts, each (circuit, pair): the `metric`, and `kl` in nats from the whole model."""

    metric: Metric
    kl: Tensor


@dataclass(frozen=True)
class Bench:
    """A model, pairs grouped by length, the nodes that circuits are made of, and what ablated ones are set to.

    `positions` is the prompts' length where nodes have positions, else 1. `batch_tokens` bounds the tokens of one pass,
    over all circuits in it.
    """

    model: Model
    groups: Groups
    basis: Basis
    ablation: Ablation = resample_ablation
    positions: int = 1
    batch_tokens: int = 2048

    @classmethod
    def load(
        cls,
        folder: Path,
        pairs: Path,
        saes: Sequence[Path],
        sites: Sequence[str],
        device: torch.device,
        draw: int | None = None,
        seed: int = 0,
        batch_tokens: int = 2048,
    ) -> "Bench":
        """Load a model, a file of pairs, and a basis; see `of`.

        `saes` are folders of autoencoders in the order of `sites`; without them the nodes are the coordinates of the
        sites. Raises StudyError when a model, a pair or an autoencoder does not fit.
        """
        model = load_model(folder, device)
        return cls.of(model, read_pairs(pairs), load_basis(model, saes, sites), draw, seed, batch_tokens)

    @classmethod
    def of(
        cls,
        model: Model,
        pairs: Sequence[Pair],
        basis: Basis,
        draw: int | None = None,
        seed: int = 0,
        batch_tokens: int = 2048,
    ) -> "Bench":
        """Return the bench of some pairs: `draw` of them, drawn by `seed`, or all.

        Raises StudyError for a pair that does not fit the model.
        """
        groups = encode_pairs(drawn(pairs, draw, seed), model.tokenizer, model.separator_id)
        return cls(model, groups, basis, batch_tokens=batch_tokens)

    def with_means(self, scores: NodeScores) -> "Bench":
        """Return a bench on which ablated nodes are set to the means that lie beside scores, at their positions."""
        return replace(self, ablation=mean_ablation(scores.means), positions=scores.positions)

    def on(self, groups: Groups) -> "Bench":
        """Return the same bench with other pairs."""
        return replace(self, groups=groups)

    def circuit(self, nodes: Sequence[Node], errors: bool = True) -> Circuit:
        """Return the circuit of some nodes; error nodes are kept all or none."""
        return Circuit.of(nodes, self.basis, self.positions, errors)

    @property
    def whole(self) -> Circuit:
        """The circuit of all nodes: the model."""
        return Circuit.whole(self.basis)

    @property
    def empty(self) -> Circuit:
        """The circuit of no node, not even errors."""
        return self.circuit([], errors=False)

    @torch.no_grad()
    def run(self, circuits: Sequence[Circuit]) -> Outcome:
        """Run circuits on the clean prompt of each pair.

        All sites are ablated in the one pass, so that later sites see what earlier ones have become. Raises StudyError
        when circuits name positions of prompts of another length.
        """
        model, basis = self.model, self.basis
        metric, kl = torch.zeros(2, len(circuits), sum(len(indices) for indices, _ in self.groups))
        first = next(iter(basis))
        rows_of_logits = rows_at_a_time(model)
        for indices, batch in in_batches(self.groups, rows_of_logits):
            batch = batch.to(model.device)
            clean = run(model, batch.clean, read=[first], logits="last")
            likely = clean.logits[:, -1].log_softmax(dim=-1)
            fills = self.ablation(model, basis, batch)
            positions = {site: model.positions(batch.clean, site) for site in basis}
            size = max(1, min(self.batch_tokens // max(positions.values()), rows_of_logits) // len(batch))
            for begin in Progress(range(0, len(circuits), size), desc="run circuits", unit="batch"):
                part = circuits[begin : begin + size]
                left_out = {site: 1.0 - stacked([c.kept[site] for c in part], positions[site]) for site in basis}
                errors_left_out = torch.tensor([not c.errors for c in part], dtype=torch.float32)
                logits = run_ablated(model, batch, basis, fills, left_out, errors_left_out, clean.activations[first])
                rows = slice(begin, begin + len(part))
                metric[rows, indices] = logit_difference(logits, batch.repeat(len(part))).view(len(part), -1).cpu()
                unlikely = logits.log_softmax(dim=-1).unflatten(0, (len(part), -1))
                kl[rows, indices] = divergence(likely.expand_as(unlikely), unlikely).cpu()
        return Outcome(metric, kl)

    def run_named(self, named: Mapping[str, Sequence[Circuit]]) -> dict[str, Outcome]:
        """Run all circuits of several names at once; return the outcomes by name."""
        found = self.run([circuit for part in named.values() for circuit in part])
        parts = (values.split([len(part) for part in named.values()]) for values in found)
        return {name: Outcome(*part) for name, part in zip(named, zip(*parts, strict=True), strict=True)}

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The mean metric with everything ablated, errors too, and of the whole model."""
        empty, whole = self._means([self.empty, self.whole]).tolist()
        if whole <= empty:
            raise StudyError(f"the model's metric {whole:.4g} is no better than with every node ablated, {empty:.4g}")
        return empty, whole

    def faithfulness(self, circuits: Sequence[Sequence[Node]]) -> list[float]:
        """Return the faithfulness of the circuits of some nodes each, with error nodes kept."""
        empty, whole = self.bounds
        means = self._means([self.circuit(nodes) for nodes in circuits])
        return faithfulness(means, means.new_tensor(empty), means.new_tensor(whole)).tolist()

    def _means(self, circuits: Sequence[Circuit]) -> Tensor:
        return self.run(circuits).metric.double().mean(dim=1)


@dataclass(frozen=True, kw_only=True)
class BenchFiles:
    """The files that a bench is loaded from."""

    model: Folder
    """folder of the model"""
    pairs: Path
    """pairs of the task"""
    saes: list[Folder] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""

    def bench(
        self,
        sites: Sequence[str],
        device: torch.device,
        draw: int | None = None,
        seed: int = 0,
        batch_tokens: int = 2048,
    ) -> Bench:
        """Load the bench, as `Bench.load` does."""
        return Bench.load(self.model, self.pairs, self.saes, sites, device, draw, seed, batch_tokens)
