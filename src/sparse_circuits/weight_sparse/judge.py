"""What a circuit of a weight-sparse transformer does on test pairs, beside complement, random circuits and controls."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean

import torch
from torch import Tensor

from sparse_circuits.artefacts.weight_pruning import ChoiceMeasures, PruningMeasures
from sparse_circuits.tasks.pairs import Groups
from sparse_circuits.weight_sparse.choices import Calibration, Choices, Masking, calibrate
from sparse_circuits.weight_sparse.circuit import count_edges, nodes_of
from sparse_circuits.weight_sparse.masks import GateIndex, LayerPlace, activations
from sparse_circuits.weight_sparse.pruning import PrunedCircuit

Splits = Mapping[str, Groups]  # the pairs of `train` and `test`


def judge_gates(masking: Masking, groups: Splits, gates: Tensor | None) -> ChoiceMeasures:
    """Return task loss and accuracy on test pairs under gates (gate,), or of the whole model.

    Logit differences are scaled and shifted first, as suits the training pairs best: a model that has the fact but
    leans to one answer would be at chance otherwise. `raw_accuracy` is without.
    """
    calibration = calibrate(masking.choices(groups["train"], gates))
    return _figures(masking.choices(groups["test"], gates), calibration)


def _figures(found: Choices, calibration: Calibration) -> ChoiceMeasures:
    calibrated = found.calibrated(calibration)
    return ChoiceMeasures(
        task_loss=calibrated.task_loss.item(), accuracy=calibrated.accuracy, raw_accuracy=found.accuracy
    )


def by_circuit(found: Mapping[str, ChoiceMeasures]) -> dict[str, dict[str, float]]:
    """Return measures of several circuits, by measure, then by circuit."""
    return {name: {of: getattr(one, name) for of, one in found.items()} for name in ChoiceMeasures.model_fields}


def judge(masking: Masking, groups: Splits, pruned: PrunedCircuit, random_circuits: int, seed: int) -> PruningMeasures:
    """Return task loss and accuracies of the model, the circuit, its complement and random circuits, on test pairs.

    The complement closes the circuit's gates and opens all others; a random circuit has as many open gates at every
    place. Closed nodes are at their means; beside that the circuit is judged with closed nodes at 0, and at what they
    are in the other prompt of the pair.
    """
    gates = pruned.gates
    generator = torch.Generator().manual_seed(seed)
    zero = replace(masking, fills={place: torch.zeros_like(fill) for place, fill in masking.fills.items()})
    found = {
        "model": judge_gates(masking, groups, None),
        "circuit": _figures(masking.choices(groups["test"], gates), pruned.calibration),
        "complement": judge_gates(masking, groups, 1 - gates),
        "nothing": judge_gates(masking, groups, torch.zeros_like(gates)),
    }
    random = [judge_gates(masking, groups, matched(gates, masking.index, generator)) for _ in range(random_circuits)]
    if random:
        means = {name: fmean(getattr(one, name) for one in random) for name in ChoiceMeasures.model_fields}
        found["random"] = ChoiceMeasures(**means)
    ablations = {
        "mean": found["circuit"],
        "zero": _figures(zero.choices(groups["test"], gates), pruned.calibration),
        "resample": _figures(resampled(masking, groups["test"], gates), pruned.calibration),
    }
    sizes = {}
    for name, one in (("found", gates), ("bisected", pruned.bisected)):
        parts = masking.index.split(one)
        sizes[name] = {"nodes": len(nodes_of(parts)), "edges": count_edges(masking.model, parts)}
    measures = {
        "examples": sum(len(indices) for indices, _ in groups["test"]),
        **by_circuit(found),
        "calibration": {"scale": pruned.calibration.scale, "shift": pruned.calibration.shift},
        "ablations": ablations,
        **sizes["found"],
        "bisected": sizes["bisected"],
    }
    return PruningMeasures.model_validate(measures)


def matched(gates: Tensor, index: GateIndex, generator: torch.Generator) -> Tensor:
    """Return random gates (gate,) of which as many are open at every place as in `gates`."""
    parts = {}
    for place, part in index.split(gates).items():
        chosen = torch.zeros_like(part)
        chosen[torch.randperm(len(part), generator=generator)[: int(part.sum())]] = 1
        parts[place] = chosen
    return index.join(parts)


@torch.no_grad()
def resampled(masking: Masking, groups: Groups, gates: Tensor) -> Choices:
    """Return the choices with every closed node at what it is, position by position, in the pair's other prompt."""
    found = []
    for _, batch in groups:
        batch = batch.to(masking.model.device)
        other: dict[LayerPlace, Tensor] = activations(masking.model, torch.cat([batch.patch, batch.clean]))
        found.append(replace(masking, fills=other).choose(batch, gates))
    return Choices(*(torch.cat(parts) for parts in zip(*found, strict=True)))
