"""Bridges between a dense model and a sparse one: what either has in its residual stream, in the other's channels.

Gao et al. 2025, appendix A.3 and A.4. There is a bridge at every place of the residual stream between sublayers, the
embedding and the end among them. Both models have as many layers; their widths may differ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparse_circuits.models.run import cross_entropy
from sparse_circuits.models.weight_sparse import AbsTopK, WeightSparseForCausalLM
from sparse_circuits.weight_sparse.masks import layers_of

Sublayer = Callable[[Tensor], Tensor]


def sublayers(model: WeightSparseForCausalLM) -> list[Sublayer]:
    """Return what each sublayer makes of the residual stream: attention and MLP of each layer in turn."""
    return [sublayer for layer in layers_of(model) for sublayer in (layer.with_attention, layer.with_mlp)]


def states(model: WeightSparseForCausalLM, tokens: Tensor) -> list[Tensor]:
    """Return the residual stream before each sublayer and at the end: (batch, position, d_model) each."""
    found = [model.embed(tokens)]
    for sublayer in sublayers(model):
        found.append(sublayer(found[-1]))
    return found


def tail(model: WeightSparseForCausalLM, number: int, x: Tensor, tokens: Tensor) -> Tensor:
    """Return the logits when the residual stream is `x` before sublayer `number`."""
    for sublayer in sublayers(model)[number:]:
        x = sublayer(x)
    return model.unembed(x, tokens)


class Bridges(nn.Module):
    """For every place a linear encoder from dense to sparse channels, of which AbsTopK keeps a share, and a decoder."""

    def __init__(self, places: int, d_dense: int, d_sparse: int, active: float, generator: torch.Generator) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(nn.Linear(d_dense, d_sparse) for _ in range(places))
        self.decoders = nn.ModuleList(nn.Linear(d_sparse, d_dense) for _ in range(places))
        self.keep = AbsTopK(int(active * d_sparse))
        with torch.no_grad():
            for module in (*self.encoders, *self.decoders):
                assert isinstance(module, nn.Linear)
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * module.in_features**-0.5)
                module.bias.zero_()

    def encode(self, number: int, dense: Tensor) -> Tensor:
        """Map the dense model's residual stream at a place to the sparse model's: (..., d_dense) -> (..., d_sparse)."""
        return self.keep(self.encoders[number](dense))

    def decode(self, number: int, sparse: Tensor) -> Tensor:
        """Map the sparse model's residual stream at a place to the dense model's."""
        return self.decoders[number](sparse)

    def direction(self, number: int, channel: int) -> Tensor:
        """Return what one unit of a sparse channel is in the dense residual stream: (d_dense,)."""
        weight = self.decoders[number].weight
        assert isinstance(weight, Tensor)
        return weight[:, channel].detach()


@dataclass(frozen=True)
class BridgeLoss:
    """The terms of the loss in nats or shares of variance, each summed over places."""

    pretraining: Tensor
    encoded: Tensor
    decoded: Tensor
    sparse_tails: Tensor
    dense_tails: Tensor

    @property
    def total(self) -> Tensor:
        """All of them, each with the weight 1."""
        return self.pretraining + self.encoded + self.decoded + self.sparse_tails + self.dense_tails


def bridge_loss(
    dense: WeightSparseForCausalLM, sparse: WeightSparseForCausalLM, bridges: Bridges, tokens: Tensor
) -> BridgeLoss:
    """Return how well bridges carry over, and the sparse model's own loss, on tokens (batch, position).

    CE of the sparse model + sum over places of NMSE(f(h_d), h_s) + NMSE(g(h_s), h_d) + KL(dense, sparse tail of f(h_d))
    + KL(dense, dense tail of g(h_s)).
    """
    with torch.no_grad():
        dense_states = states(dense, tokens)
        target = dense.unembed(dense_states[-1], tokens).log_softmax(dim=-1)
    sparse_states = states(sparse, tokens)
    loss = cross_entropy(sparse.unembed(sparse_states[-1], tokens), tokens).mean()
    terms: dict[str, list[Tensor]] = {"encoded": [], "decoded": [], "sparse_tails": [], "dense_tails": []}
    for number, (h_dense, h_sparse) in enumerate(zip(dense_states, sparse_states, strict=True)):
        encoded, decoded = bridges.encode(number, h_dense), bridges.decode(number, h_sparse)
        terms["encoded"].append(normalised_error(encoded, h_sparse))
        terms["decoded"].append(normalised_error(decoded, h_dense))
        terms["sparse_tails"].append(_divergence(target, tail(sparse, number, encoded, tokens)))
        terms["dense_tails"].append(_divergence(target, tail(dense, number, decoded, tokens)))
    return BridgeLoss(loss, **{name: torch.stack(parts).sum() for name, parts in terms.items()})


def normalised_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean squared error as a share of the mean square that is wanted."""
    return (found - wanted).square().mean() / wanted.square().mean()


def _divergence(target: Tensor, logits: Tensor) -> Tensor:
    """KL(target, logits) in nats, the mean over tokens."""
    return (target.exp() * (target - logits.log_softmax(dim=-1))).sum(dim=-1).mean()


@torch.no_grad()
def carried(
    dense: WeightSparseForCausalLM,
    sparse: WeightSparseForCausalLM,
    bridges: Bridges,
    number: int,
    channels: list[int],
    tokens: Tensor,
    counterfactual: Tensor,
    strength: float,
) -> Tensor:
    """Return the dense model's last logits when some sparse channels at a place are moved to another prompt's values.

    Each moves the dense residual stream by (counterfactual - present) x its row of the bridge x the ratio of root mean
    squares, dense over what the bridge decodes, x `strength` (0 to 1). (batch, position) -> (batch, vocabulary).
    """
    here, there = states(sparse, tokens)[number], states(sparse, counterfactual)[number]
    x = states(dense, tokens)[number]
    decoded = bridges.decode(number, here)
    ratio = (x.square().mean(dim=-1, keepdim=True) / decoded.square().mean(dim=-1, keepdim=True)).sqrt()
    for channel in channels:
        moved = (there - here)[..., channel, None] * bridges.direction(number, channel)
        x = x + strength * ratio * moved
    return tail(dense, number, x, tokens)[:, -1]
