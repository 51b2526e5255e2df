"""Faithfulness and completeness of circuits over sizes, beside random circuits of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.circuits.ablation import Circuit, run_circuits
from sparse_circuits.circuits.basis import Basis
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.config import Site
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


def ranked_features(scores: NodeScores) -> list[tuple[Site, int]]:
    """Return all features with a score other than 0, by falling |mean score|; ties by site and number."""
    mean = {site: part.features.double().mean(dim=0) for site, part in scores.sites.items()}
    flat = torch.cat([values.abs() for values in mean.values()])
    owner = [(site, index) for site, values in mean.items() for index in range(len(values))]
    order = torch.argsort(flat, descending=True, stable=True)
    return [owner[i] for i in order[: int((flat > 0).sum())].tolist()]


def faithfulness_curves(
    language: Language,
    groups: Sequence[tuple[list[int], PairBatch]],
    basis: Basis,
    scores: NodeScores,
    sizes: Sequence[int],
    circuit: Sequence[tuple[Site, int]],
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
    ranked = ranked_features(scores)
    sizes = [size for size in sizes if size < len(ranked)] + ([len(ranked)] if max(sizes) >= len(ranked) else [])
    has_errors = any(dictionary.has_error for dictionary in basis.values())
    plan = _Plan([], {})
    tops = [_mask(basis, ranked[:size]) for size in sizes]
    plan.add("empty", [Circuit(_mask(basis, []), False)])
    plan.add("full", [Circuit(_mask(basis, None), True)])
    plan.add("circuit", [Circuit(_mask(basis, circuit), True)])
    plan.add("faithfulness", [Circuit(top, True) for top in tops])
    plan.add("completeness", [Circuit(_inverse(top), False) for top in tops])
    if has_errors:
        plan.add("errors_alone", [Circuit(_mask(basis, []), True)])
        plan.add("faithfulness_without_errors", [Circuit(top, False) for top in tops])
        plan.add("completeness_without_errors", [Circuit(_inverse(top), True) for top in tops])
    generator = torch.Generator().manual_seed(seed)
    drawn = [Circuit(_random(basis, ranked, size, generator), True) for _ in range(random_circuits) for size in sizes]
    plan.add("random", drawn)

    metric = run_circuits(language, groups, basis, scores.means, plan.circuits, batch_tokens).double()
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


def _mask(basis: Basis, nodes: Sequence[tuple[Site, int]] | None) -> dict[Site, Tensor]:
    """Masks that keep the given features, or all of them."""
    masks = {site: torch.full((dictionary.width,), nodes is None) for site, dictionary in basis.items()}
    for site, index in nodes or ():
        masks[site][index] = True
    return masks


def _inverse(masks: dict[Site, Tensor]) -> dict[Site, Tensor]:
    return {site: ~mask for site, mask in masks.items()}


def _random(basis: Basis, ranked: list[tuple[Site, int]], size: int, generator: torch.Generator) -> dict[Site, Tensor]:
    """Masks of as many features at each site as the `size` best have there, drawn from all that are ranked."""
    chosen: list[tuple[Site, int]] = []
    for site in basis:
        wanted = sum(owner == site for owner, _ in ranked[:size])
        pool = [index for owner, index in ranked if owner == site]
        drawn = torch.randperm(len(pool), generator=generator)[:wanted].tolist()
        chosen += [(site, pool[i]) for i in drawn]
    return _mask(basis, chosen)


def _intervals(values: Tensor, empty: Tensor, full: Tensor, seed: int) -> list[list[float]]:
    """95 % bootstrap intervals of faithfulness over pairs, for each circuit of values (circuit, pair)."""
    pairs = values.shape[1]
    draws = torch.from_numpy(np.random.default_rng(seed).integers(0, pairs, (BOOTSTRAP, pairs)))
    low = empty[draws].mean(dim=1)
    shares = (values[:, draws].mean(dim=2) - low) / (full[draws].mean(dim=1) - low)
    bounds = torch.quantile(shares, torch.tensor([0.025, 0.975], dtype=shares.dtype), dim=1)
    return bounds.T.tolist()
