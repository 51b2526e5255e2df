"""What a circuit of a weight-sparse transformer does on test pairs, beside complement, random circuits and controls."""

from dataclasses import replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.tasks import Groups
from sparse_circuits.weight_sparse.choices import Choices, Masking, task_loss
from sparse_circuits.weight_sparse.circuit import count_edges
from sparse_circuits.weight_sparse.masks import GateIndex, Place, activations
from sparse_circuits.weight_sparse.pruning import Pruned


def judge(masking: Masking, groups: Groups, pruned: Pruned, random_circuits: int, seed: int) -> dict[str, Any]:
    """Return task loss and accuracy of the model, the circuit, its complement and random circuits, on all `groups`.

    The complement closes the circuit's gates and opens all others; a random circuit has as many open gates at every
    place. Closed nodes are at their means; beside that the circuit is judged with closed nodes at 0, and at what they
    are in the other prompt of the pair.
    """
    gates = pruned.gates
    generator = torch.Generator().manual_seed(seed)
    circuit = masking.choices(groups, gates)
    random = [masking.choices(groups, matched(gates, masking.index, generator)) for _ in range(random_circuits)]
    zero = replace(masking, fills={place: torch.zeros_like(fill) for place, fill in masking.fills.items()})
    found = {
        "model": masking.choices(groups),
        "circuit": circuit,
        "complement": masking.choices(groups, 1 - gates),
        "nothing": masking.choices(groups, torch.zeros_like(gates)),
    }
    ablations = {
        "mean": circuit,
        "zero": zero.choices(groups, gates),
        "resample": resampled(masking, groups, gates),
    }
    parts = masking.index.split(gates)
    return {
        "examples": sum(len(indices) for indices, _ in groups),
        "task_loss": {name: task_loss(part).item() for name, part in found.items()},
        "calibrated_task_loss": task_loss(circuit, pruned.calibration).item(),
        "calibration": {"scale": pruned.calibration.scale, "shift": pruned.calibration.shift},
        "accuracy": {name: part.accuracy for name, part in found.items()}
        | {"random": fmean(part.accuracy for part in random)},
        "ablations": {
            name: {"task_loss": task_loss(part, pruned.calibration).item(), "accuracy": part.accuracy}
            for name, part in ablations.items()
        },
        "nodes": sum(int(gate.sum()) for gate in parts.values()),
        "edges": count_edges(masking.model, parts),
    }


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
        other: dict[Place, Tensor] = activations(masking.model, torch.cat([batch.patch, batch.clean]))
        found.append(replace(masking, fills=other).choose(batch, gates))
    return Choices(*(torch.cat(parts) for parts in zip(*found, strict=True)))
