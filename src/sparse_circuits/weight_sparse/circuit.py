"""The circuit of open nodes: the nonzero weights between them, and where the residual stream joins them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.weight_sparse.masks import LayerPlace, layers_of, place_at


@dataclass(frozen=True)
class Edge:
    """A nonzero weight from one node to another, each written `mlp_neuron.1/77`."""

    source: str
    target: str
    weight: float


def matrices(model: WeightSparseForCausalLM) -> dict[tuple[LayerPlace, LayerPlace], Tensor]:
    """Return the weights between places: by (source, target), each (target's width, source's width).

    A value's channel is the channel of what its head mixes, so that the columns of attention's output matrix are read
    by `attn_v`. Embedding, unembedding and bigram table are not between nodes.
    """
    found: dict[tuple[LayerPlace, LayerPlace], Tensor] = {}
    for number, layer in enumerate(layers_of(model)):
        parts = layer.attn.c_attn.weight.detach().chunk(3)
        for kind, part in zip(("attn_q", "attn_k", "attn_v"), parts, strict=True):
            found[place_at(number, "attn_in"), place_at(number, kind)] = part
        found[place_at(number, "attn_v"), place_at(number, "attn_out")] = layer.attn.c_proj.weight.detach()
        found[place_at(number, "mlp_in"), place_at(number, "mlp_neuron")] = layer.mlp.c_fc.weight.detach()
        found[place_at(number, "mlp_neuron"), place_at(number, "mlp_out")] = layer.mlp.c_proj.weight.detach()
    return found


def count_edges(model: WeightSparseForCausalLM, gates: Mapping[LayerPlace, Tensor]) -> int:
    """Return the number of nonzero weights between open nodes."""
    return sum(
        int((weight[gates[target] > 0][:, gates[source] > 0] != 0).sum())
        for (source, target), weight in matrices(model).items()
    )


def edges_of(model: WeightSparseForCausalLM, gates: Mapping[LayerPlace, Tensor]) -> list[Edge]:
    """Return the nonzero weights between open nodes, in the order of the computation."""
    found = []
    for (source, target), weight in matrices(model).items():
        open_weights = weight * gates[target][:, None] * gates[source]
        for row, column in open_weights.nonzero().tolist():
            found.append(Edge(f"{source}/{column}", f"{target}/{row}", weight[row, column].item()))
    return found


def nodes_of(gates: Mapping[LayerPlace, Tensor]) -> list[tuple[LayerPlace, int]]:
    """Return the open nodes in the order of the computation."""
    return [(place, index) for place in sorted(gates) for index in gates[place].nonzero().flatten().tolist()]


def without_idle(model: WeightSparseForCausalLM, gates: Mapping[LayerPlace, Tensor]) -> dict[LayerPlace, Tensor]:
    """Return the gates with those nodes closed that nothing open reads.

    `mlp_out` and `attn_out` are read by the residual stream, hence by the unembedding: they stay. A query without its
    key (or the other way round) multiplies a constant, and stays too.
    """
    gates = {place: gate.clone() for place, gate in gates.items()}
    weights = matrices(model)
    for source, target in reversed(weights):
        if source.kind in ("attn_v", "mlp_neuron"):
            gates[source] *= _read(weights[source, target], gates[target])
    for source in {source for source, _ in weights if source.kind in ("attn_in", "mlp_in")}:
        readers = [_read(weight, gates[target]) for (place, target), weight in weights.items() if place == source]
        gates[source] *= torch.stack(readers).any(dim=0)
    return gates


def _read(weight: Tensor, gate: Tensor) -> Tensor:
    """Which source nodes an open target reads: (source,)."""
    return (weight[gate > 0] != 0).any(dim=0)
