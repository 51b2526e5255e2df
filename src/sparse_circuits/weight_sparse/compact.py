"""The circuit as a model of its own, which holds only the rows and columns of open nodes.

It gives the masked model's logits of a few tokens. What closed nodes do is constant (their fills) and goes into biases;
what the rest of a token's embedding does (it takes part in the norms, and is read by the unembedding) goes into tables
over the vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparse_circuits.models.weight_sparse import MLP, PLACES, Attention, WeightSparseForCausalLM
from sparse_circuits.weight_sparse.masks import Fills, Gates, layers_of, place_at


def _keep_largest(x: Tensor, k: int | None) -> Tensor:
    """AbsTopK among the open nodes alone."""
    if k is None or k >= x.shape[-1]:
        return x
    size = x.abs()
    return x * (size >= size.topk(k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True))


@dataclass(frozen=True)
class _Open:
    """The open nodes of a layer's places: numbers, fills of all, and which are closed."""

    numbers: Tensor
    fill: Tensor

    @property
    def constant(self) -> Tensor:
        """The fill where closed, 0 where open: (width,)."""
        closed = self.fill.clone()
        closed[self.numbers] = 0
        return closed


class CompactModel(nn.Module):
    """A circuit of a weight-sparse transformer; `answers` are the tokens whose logits it gives."""

    def __init__(self, model: WeightSparseForCausalLM, gates: Gates, fills: Fills, answers: list[int]) -> None:
        super().__init__()
        nodes = {place: _Open(gates[place].nonzero().flatten().cpu(), fills[place].cpu()) for place in gates}
        touching = [nodes[p].numbers for p in nodes if p.kind in ("attn_in", "attn_out", "mlp_in", "mlp_out")]
        channels = torch.cat(touching).unique()
        embedding = model.get_input_embeddings().get_parameter("weight").detach().cpu()
        rest = torch.ones(embedding.shape[1], dtype=torch.bool)
        rest[channels] = False
        self.embedding = nn.Parameter(embedding[:, channels])
        static, eps = embedding[:, rest], model.config.rms_norm_eps
        self.blocks = nn.ModuleList()
        for number, layer in enumerate(layers_of(model)):
            here = {kind: nodes[place_at(number, kind)] for kind in PLACES}
            heads, neurons = _Heads(layer.attn, here, channels), _Neurons(layer.mlp, here, channels)
            # What closed channels write is added once for all: to the channels that are kept by the block itself.
            for block, norm, writes in ((heads, layer.ln_1, "attn_out"), (neurons, layer.ln_2, "mlp_out")):
                weight = norm.get_parameter("weight").detach().cpu()[channels]
                self.blocks.append(_Sublayer(block, _Norm(static, weight, len(rest), eps)))
                static = static + here[writes].constant[rest]
        unembed = model.lm_head.weight.detach().cpu()[answers]
        weight = model.transformer.get_submodule("ln_f").get_parameter("weight").detach().cpu()
        self.final = _Norm(static, weight[channels], len(rest), eps)
        self.unembed = nn.Parameter(unembed[:, channels])
        self.static_logits = nn.Parameter(static @ (unembed[:, rest] * weight[rest]).T)
        bias = model.final_logits_bias.detach().cpu()[answers]
        table = model.bigram_table
        self.direct_logits = nn.Parameter(table.detach().cpu()[:, answers] + bias if table is not None else bias)
        self.has_bigram = table is not None

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the answers' logits after the last token: (prompt, position) -> (prompt, answer)."""
        x = F.embedding(tokens, self.embedding)
        for block in self.blocks:
            x = block(x, tokens)
        last = tokens[:, -1]
        normed, scale = self.final(x[:, -1], last)
        direct = self.direct_logits[last] if self.has_bigram else self.direct_logits
        return normed @ self.unembed.T + scale * self.static_logits[last] + direct

    @property
    def weights(self) -> int:
        """Weights between nodes that are not 0."""
        readers = [module for module in self.modules() if isinstance(module, _Heads | _Neurons)]
        return sum(int((weight != 0).sum()) for reader in readers for weight in reader.matrices())


class _Norm(nn.Module):
    """RMSNorm of all channels, of which only some are computed: the others' sum of squares is known for each token."""

    def __init__(self, static: Tensor, weight: Tensor, width: int, eps: float) -> None:
        super().__init__()
        self.squares, self.weight = nn.Parameter(static.square().sum(dim=1)), nn.Parameter(weight)
        self.width, self.eps = width, eps

    def forward(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the normed channels (..., channel) and the scale (..., 1)."""
        squares = x.square().sum(dim=-1) + self.squares[tokens]
        scale = (squares / self.width + self.eps).rsqrt().unsqueeze(-1)
        return x * scale * self.weight, scale


class _Sublayer(nn.Module):
    """Norm, block, and the addition of what the block writes."""

    def __init__(self, inner: nn.Module, norm: _Norm) -> None:
        super().__init__()
        self.norm, self.inner = norm, inner

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Return the residual stream's kept channels after the block: (prompt, position, channel)."""
        added: Tensor = self.inner(self.norm(x, tokens)[0])
        return x + added


class _Reading(nn.Module):
    """What heads and neurons share: which kept channels they read and write, and what closed channels always write."""

    def __init__(self, part: Attention | MLP, reads: _Open, writes: _Open, channels: Tensor) -> None:
        super().__init__()
        self.register_buffer("read", torch.searchsorted(channels, reads.numbers))
        self.register_buffer("written", torch.searchsorted(channels, writes.numbers))
        self.constant = nn.Parameter(writes.constant[channels])
        self.k_in, self.k_out = part.act_in.k, part.act_out.k

    def write(self, x: Tensor, y: Tensor) -> Tensor:
        """Return what is added to the kept channels (..., channel), from what open channels get (..., written)."""
        out = self.constant.expand(*x.shape[:-1], -1).clone()
        out[..., self.get_buffer("written")] = _keep_largest(y, self.k_out)
        return out


class _Neurons(_Reading):
    """The open neurons of an MLP."""

    def __init__(self, part: MLP, nodes: dict[str, _Open], channels: Tensor) -> None:
        super().__init__(part, nodes["mlp_in"], nodes["mlp_out"], channels)
        reads, neurons, writes = (nodes[kind].numbers for kind in ("mlp_in", "mlp_neuron", "mlp_out"))
        up, down = part.c_fc.weight.detach().cpu(), part.c_proj.weight.detach().cpu()
        self.up = nn.Parameter(up[neurons][:, reads])
        self.up_bias = nn.Parameter((part.c_fc.bias.detach().cpu() + up @ nodes["mlp_in"].constant)[neurons])
        self.down = nn.Parameter(down[writes][:, neurons])
        self.down_bias = nn.Parameter((part.c_proj.bias.detach().cpu() + down @ nodes["mlp_neuron"].constant)[writes])
        self.act_fn, self.k = part.act_fn, part.act_neuron.k

    def matrices(self) -> tuple[Tensor, ...]:
        """The weights between nodes."""
        return self.up, self.down

    def forward(self, x: Tensor) -> Tensor:
        """Map the normed channels (prompt, position, channel) to what is written there."""
        read = _keep_largest(x[..., self.get_buffer("read")], self.k_in)
        neurons = _keep_largest(self.act_fn(F.linear(read, self.up, self.up_bias)), self.k)
        return self.write(x, F.linear(neurons, self.down, self.down_bias))


class _Heads(_Reading):
    """The heads of an attention with any node open."""

    def __init__(self, part: Attention, nodes: dict[str, _Open], channels: Tensor) -> None:
        super().__init__(part, nodes["attn_in"], nodes["attn_out"], channels)
        reads, queries, keys, values, writes = (nodes[f"attn_{part}"].numbers for part in ("in", "q", "k", "v", "out"))
        width = part.c_proj.in_features
        self.heads, self.d_head = part.heads, width // part.heads
        weight, bias = part.c_attn.weight.detach().cpu(), part.c_attn.bias.detach().cpu()
        bias = bias + weight @ nodes["attn_in"].constant
        for name, numbers, begin in (("q", queries, 0), ("k", keys, width), ("v", values, 2 * width)):
            setattr(self, name, nn.Parameter(weight[begin + numbers][:, reads]))
            setattr(self, f"{name}_bias", nn.Parameter(bias[begin + numbers]))
            self.register_buffer(f"{name}_at", numbers)
            self.register_buffer(f"{name}_constant", nodes[f"attn_{name}"].constant)
        self.k_kept = {"q": part.act_q.k, "k": part.act_k.k, "v": part.act_v.k}
        down = part.c_proj.weight.detach().cpu()
        self.down = nn.Parameter(down[writes][:, values])
        # A closed value is the same at all positions, so that its head writes it times 1 less the sink's share.
        closed = (down[writes] * nodes["attn_v"].constant).unflatten(1, (self.heads, self.d_head)).sum(dim=2)
        self.head_constant = nn.Parameter(closed)
        self.down_bias = nn.Parameter(part.c_proj.bias.detach().cpu()[writes])
        self.attn_imp = part.attn_imp

    def matrices(self) -> tuple[Tensor, ...]:
        """The weights between nodes."""
        return self.get_parameter("q"), self.get_parameter("k"), self.get_parameter("v"), self.down

    def forward(self, x: Tensor) -> Tensor:
        """Map the normed channels (prompt, position, channel) to what is written there."""
        read = _keep_largest(x[..., self.get_buffer("read")], self.k_in)
        q, k = (self._full(read, name) for name in "qk")
        own = _keep_largest(F.linear(read, self.get_parameter("v"), self.get_parameter("v_bias")), self.k_kept["v"])
        pattern = self._pattern(q, k)
        mixed = own.new_zeros(*own.shape)
        of_head = self.get_buffer("v_at") // self.d_head
        for head in of_head.unique().tolist():
            columns = of_head == head
            mixed[..., columns] = pattern[:, head] @ own[..., columns]
        share = pattern.sum(dim=-1).transpose(1, 2)
        y = F.linear(mixed, self.down, self.down_bias) + share @ self.head_constant.T
        return self.write(x, y)

    def _full(self, read: Tensor, name: str) -> Tensor:
        """Queries or keys of all heads (prompt, head, position, d_head), closed ones at their fills."""
        own = F.linear(read, self.get_parameter(name), self.get_parameter(f"{name}_bias"))
        full = self.get_buffer(f"{name}_constant").expand(*read.shape[:-1], -1).clone()
        full[..., self.get_buffer(f"{name}_at")] = _keep_largest(own, self.k_kept[name])
        return full.unflatten(-1, (self.heads, self.d_head)).transpose(1, 2)

    def _pattern(self, q: Tensor, k: Tensor) -> Tensor:
        """What each position attends to (prompt, head, position, position); the sink has the rest of each row."""
        scores = q @ k.transpose(-1, -2) * self.d_head**-0.5
        length = scores.shape[-1]
        future = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
        if self.attn_imp is None:
            return scores.softmax(dim=-1)
        sink = self.attn_imp.sink_logit.view(1, -1, 1, 1).expand(len(scores), -1, length, 1)
        return torch.cat([sink, scores], dim=-1).softmax(dim=-1)[..., 1:]
