"""Faithfulness and completeness of circuits over sizes, beside random circuits of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.circuits.ablation import Circuit, run_circuits
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.models import Language
from sparse_circuits.tasks import PairBatch

BOOTSTRAP = 1000


@dataclass(frozen=True)
class _Plan:
    """The circuits to run, with a name for each stretch of them."""

    circuits: list[Circuit]
    stretches: dict[str, slice]

    def add(self, name: str, circuits: Sequence[Circuit]) -> None:
        self.stretches[name] = slice(len(self.circuits), len(self.circuits) + len(circuits))
        self.circuits.extend(circuits)


def faithfulness_curves(
    language: Language,
    groups: Sequence[tuple[list[int], PairBatch]],
    basis: Basis,
    scores: NodeScores,
    sizes: Sequence[int],
    circuit: Sequence[Node],
    random_circuits: int,
    seed: int,
    batch_tokens: int,
) -> dict[str, Any]:
    """Judge circuits of the `sizes` best features, and the chosen `circuit`, on the pairs of `groups`.

    With m the mean metric on clean prompts, M the model, C the circuit, and 0 the model with every node ablated:
    faithfulness (m(C) - m(0)) / (m(M) - m(0)), completeness (m(M \\ C) - m(0)) / (m(M) - m(0)) (Marks et al. 2024,
    section 3.2; a complete circuit leaves 0). Where there are error nodes, all of them are in C in the main curves and
    none in `without_errors`. Random circuits keep the error nodes, and have at each site as many features as C, drawn
    from those that score anything on the training pairs; features that never speak would make too weak a rival.
    """
    ranked = scores.ranked()
    sizes = [size for size in sizes if size < len(ranked)] + ([len(ranked)] if max(sizes) >= len(ranked) else [])
    has_errors = any(dictionary.has_error for dictionary in basis.values())
    keep = partial(Circuit.of, basis=basis, positions=scores.positions)
    plan = _Plan([], {})
    plan.add("empty", [keep([], errors=False)])
    plan.add("full", [Circuit.whole(basis)])
    plan.add("circuit", [keep(circuit)])
    plan.add("faithfulness", [keep(ranked[:size]) for size in sizes])
    plan.add("completeness", [keep(ranked[:size]).complement() for size in sizes])
    if has_errors:
        bare = [keep(ranked[:size], errors=False) for size in sizes]
        plan.add("errors_alone", [keep([])])
        plan.add("faithfulness_without_errors", bare)
        plan.add("completeness_without_errors", [part.complement() for part in bare])
    generator = torch.Generator().manual_seed(seed)
    drawn = [keep(matched_random(ranked, size, generator)) for _ in range(random_circuits) for size in sizes]
    plan.add("random", drawn)

    ablation = mean_ablation(scores.means)
    metric = run_circuits(language, groups, basis, ablation, plan.circuits, batch_tokens).metric.double()
    part = {name: metric[stretch] for name, stretch in plan.stretches.items()}
    empty, full = part["empty"][0], part["full"][0]

    def share(values: Tensor) -> list[float]:
        return ((values.mean(dim=-1) - empty.mean()) / (full.mean() - empty.mean())).tolist()

    result: dict[str, Any] = {
        "examples": metric.shape[1],
        "clean": full.mean().item(),
        "empty": empty.mean().item(),
        "nodes": sizes,
        "faithfulness": share(part["faithfulness"]),
        "faithfulness_ci95": _intervals(part["faithfulness"], empty, full, seed),
        "completeness": share(part["completeness"]),
        "random": share(part["random"].unflatten(0, (random_circuits, len(sizes))).mean(dim=0)),
        "accuracy": {
            "model": (full > 0).double().mean().item(),
            "circuit": (part["circuit"][0] > 0).double().mean().item(),
        },
        "circuit": {"nodes": len(circuit), "faithfulness": share(part["circuit"])[0]},
    }
    if has_errors:
        result["errors_alone"] = share(part["errors_alone"])[0]
        result["without_errors"] = {
            "faithfulness": share(part["faithfulness_without_errors"]),
            "completeness": share(part["completeness_without_errors"]),
        }
    return result


def matched_random(ranked: Sequence[Node], size: int, generator: torch.Generator) -> list[Node]:
    """Return as many nodes at each site as the `size` best have there, drawn from all that are ranked."""
    chosen: list[Node] = []
    for site in dict.fromkeys(node.site for node in ranked):
        pool = [node for node in ranked if node.site == site]
        wanted = sum(node.site == site for node in ranked[:size])
        chosen += [pool[i] for i in torch.randperm(len(pool), generator=generator)[:wanted].tolist()]
    return chosen


def _intervals(values: Tensor, empty: Tensor, full: Tensor, seed: int) -> list[list[float]]:
    """95 % bootstrap intervals of faithfulness over pairs, for each circuit of values (circuit, pair)."""
    pairs = values.shape[1]
    draws = torch.from_numpy(np.random.default_rng(seed).integers(0, pairs, (BOOTSTRAP, pairs)))
    low = empty[draws].mean(dim=1)
    shares = (values[:, draws].mean(dim=2) - low) / (full[draws].mean(dim=1) - low)
    bounds = torch.quantile(shares, torch.tensor([0.025, 0.975], dtype=shares.dtype), dim=1)
    return bounds.T.tolist()
