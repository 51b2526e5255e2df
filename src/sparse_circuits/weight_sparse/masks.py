"""Running a weight-sparse transformer with some of its nodes only.

A node is one channel at one of the eight places where activations are made sparse, the same at all positions and in all
prompts (Gao et al. 2025, appendix A.5). A node that is closed has a fill, such as its mean over the pretraining data,
and takes no part in AbsTopK: what is left computes by itself, without what closed nodes would tell it by being large.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sparse_circuits.models.means import mean_over_passes
from sparse_circuits.models.weight_sparse import PLACES, AbsTopK, Block, WeightSparseForCausalLM, keep_largest


@dataclass(frozen=True, order=True)
class LayerPlace:
    """One of the eight places of a layer, written `attn_q.1`."""

    layer: int
    number: int

    @property
    def kind(self) -> str:
        """Its name in PLACES."""
        return PLACES[self.number]

    @property
    def owner(self) -> str:
        """The module that holds its AbsTopK, `0.attn`, within the model's layers."""
        return f"{self.layer}.{self.kind.partition('_')[0]}"

    @property
    def module(self) -> str:
        """What that AbsTopK is called there, `act_in`."""
        return f"act_{self.kind.partition('_')[2]}"

    def __str__(self) -> str:
        return f"{self.kind}.{self.layer}"


def place_at(layer: int, kind: str) -> LayerPlace:
    """Return a layer's place of a kind in PLACES."""
    return LayerPlace(layer, PLACES.index(kind))


def parse_channel(name: str) -> tuple[LayerPlace, int]:
    """Return the place and channel of a node written `attn_q.1/7`."""
    place, _, index = name.partition("/")
    kind, _, layer = place.partition(".")
    return place_at(int(layer), kind), int(index)


def layers_of(model: WeightSparseForCausalLM) -> list[Block]:
    """Return the layers of a model."""
    return [layer for layer in model.transformer.get_submodule("h").children() if isinstance(layer, Block)]


def places_of(model: WeightSparseForCausalLM) -> dict[LayerPlace, int]:
    """Return all places, in the order of the computation, each with its width."""
    config = model.config
    attention = config.num_attention_heads * config.head_dim
    widths = {
        **dict.fromkeys(PLACES, config.hidden_size),
        **dict.fromkeys(("attn_q", "attn_k", "attn_v"), attention),
        "mlp_neuron": config.intermediate_size,
    }
    return {
        LayerPlace(layer, number): widths[kind]
        for layer in range(config.num_hidden_layers)
        for number, kind in enumerate(PLACES)
    }


@dataclass(frozen=True)
class GateIndex:
    """The gates of a model: one for every node, but one for a query channel and its key together."""

    widths: dict[LayerPlace, int]
    offsets: dict[LayerPlace, int] = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        offsets: dict[LayerPlace, int] = {}
        count = 0
        for place, width in self.widths.items():
            if place.kind == "attn_k":
                offsets[place] = offsets[LayerPlace(place.layer, place.number - 1)]
                continue
            offsets[place] = count
            count += width
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "count", count)

    @classmethod
    def of(cls, model: WeightSparseForCausalLM) -> "GateIndex":
        """The gates of all places of a model."""
        return cls(places_of(model))

    def split(self, flat: Tensor) -> dict[LayerPlace, Tensor]:
        """Return each place's part of values for all gates: (..., gate) -> (..., width)."""
        return {place: flat[..., begin : begin + self.widths[place]] for place, begin in self.offsets.items()}

    def join(self, parts: Mapping[LayerPlace, Tensor]) -> Tensor:
        """Return the values of all gates from those of each place (width,); a query's is its key's too."""
        flat = next(iter(parts.values())).new_zeros(self.count)
        for place, begin in self.offsets.items():
            flat[begin : begin + self.widths[place]] = parts[place]
        return flat


Gates = Mapping[LayerPlace, Tensor]  # of each node 1 (open) or 0 (closed): (width,)
Fills = Mapping[LayerPlace, Tensor]  # what a closed node is: (width,), or (prompt, position, width)


class _Gated(nn.Module):
    """AbsTopK among the open nodes, and a fill for the others."""

    def __init__(self, k: int | None, gate: Tensor, fill: Tensor) -> None:
        super().__init__()
        self.k, self.gate, self.fill = k, gate, fill

    def forward(self, x: Tensor) -> Tensor:
        own = keep_largest(x, x * self.gate, self.k)
        # So written that a closed gate's gradient tells what its node would add.
        return self.fill + self.gate * (own - self.fill)


class _Kept(nn.Module):
    """AbsTopK that keeps what it gave."""

    def __init__(self, inner: nn.Module, kept: dict[LayerPlace, Tensor], place: LayerPlace) -> None:
        super().__init__()
        self.inner, self.kept, self.place = inner, kept, place

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        self.kept[self.place] = y
        return y


@contextmanager
def gated(model: WeightSparseForCausalLM, gates: Gates, fills: Fills) -> Iterator[None]:
    """Within this context the model runs with the open nodes only."""
    modules: dict[LayerPlace, nn.Module] = {}
    for place, gate in gates.items():
        inner = _module(model, place)
        assert isinstance(inner, AbsTopK)
        modules[place] = _Gated(inner.k, gate, fills[place])
    with _swapped(model, modules):
        yield


class _FrozenNorm(nn.Module):
    """RMSNorm that divides by a given root mean square (prompt, position, 1)."""

    def __init__(self, weight: Tensor, root_mean_square: Tensor) -> None:
        super().__init__()
        self.weight, self.root_mean_square = weight, root_mean_square

    def forward(self, x: Tensor) -> Tensor:
        # The unembedding may be asked for the last positions alone.
        return x / self.root_mean_square[:, -x.shape[1] :] * self.weight


@contextmanager
def frozen_norms(model: WeightSparseForCausalLM, tokens: Tensor) -> Iterator[None]:
    """Within this context every RMSNorm divides by what it divides by now, for these tokens (prompt, position).

    So what a closed node no longer adds cannot make the others larger. The circuit is then not a model of its own: it
    needs the whole model's scales, which `CompactModel` has not.
    """
    owners = [(layer, name) for layer in layers_of(model) for name in ("ln_1", "ln_2")]
    norms = [*owners, (model.transformer, "ln_f")]
    scales: list[Tensor] = []

    def note(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        scales.append((inputs[0].square().mean(dim=-1, keepdim=True) + model.config.rms_norm_eps).sqrt())

    handles = [owner.get_submodule(name).register_forward_pre_hook(note) for owner, name in norms]
    with torch.no_grad():
        model(tokens)
    for handle in handles:
        handle.remove()
    before = [owner.get_submodule(name) for owner, name in norms]
    for (owner, name), norm, scale in zip(norms, before, scales, strict=True):
        owner.register_module(name, _FrozenNorm(norm.get_parameter("weight"), scale))
    try:
        yield
    finally:
        for (owner, name), norm in zip(norms, before, strict=True):
            owner.register_module(name, norm)


@torch.no_grad()
def activations(model: WeightSparseForCausalLM, tokens: Tensor) -> dict[LayerPlace, Tensor]:
    """Return what stands at every place, after AbsTopK and gates: (prompt, position, width)."""
    kept: dict[LayerPlace, Tensor] = {}
    with _swapped(model, {place: _Kept(_module(model, place), kept, place) for place in places_of(model)}):
        model(tokens)
    return kept


def mean_activations(model: WeightSparseForCausalLM, batches: Iterator[Tensor]) -> dict[LayerPlace, Tensor]:
    """Return the mean of every node (width,) over all positions of batches of tokens (sequence, token)."""
    return mean_over_passes(activations(model, tokens) for tokens in batches)


def _module(model: WeightSparseForCausalLM, place: LayerPlace) -> nn.Module:
    """What makes activations sparse there, or stands in for it."""
    return model.transformer.get_submodule("h").get_submodule(f"{place.owner}.{place.module}")


@contextmanager
def _swapped(model: WeightSparseForCausalLM, modules: Mapping[LayerPlace, nn.Module]) -> Iterator[None]:
    layers = model.transformer.get_submodule("h")
    before = {place: _module(model, place) for place in modules}

    def put(chosen: Mapping[LayerPlace, nn.Module]) -> None:
        for place, module in chosen.items():
            setattr(layers.get_submodule(place.owner), place.module, module)

    put(modules)
    try:
        yield
    finally:
        put(before)
