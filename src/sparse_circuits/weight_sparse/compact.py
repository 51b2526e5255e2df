"""The circuit as a model of its own, which holds only the rows and columns of open nodes.

It gives the masked model's logits of a few tokens. What closed nodes do is constant (their fills) and goes into biases;
what the rest of a token's embedding does (it takes part in the norms, and is read by the unembedding) goes into tables
over the vocabulary. Of images every patch is a token of its own, whose embedding is given.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparse_circuits.models.weight_sparse import MLP, PLACES, Attention, WeightSparseForCausalLM
from sparse_circuits.weight_sparse.masks import Fills, Gates, layers_of, place_at


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
    """A circuit of a weight-sparse transformer; `answers` are the tokens whose logits it gives.

    `embedding` (token, d_model) is the model's table, or what stands in for one: of images the patches' embeddings.
    """

    def __init__(
        self,
        model: WeightSparseForCausalLM,
        gates: Gates,
        fills: Fills,
        answers: list[int],
        embedding: Tensor | None = None,
    ) -> None:
        super().__init__()
        nodes = {place: _Open(gates[place].nonzero().flatten().cpu(), fills[place].cpu()) for place in gates}
        touching = [nodes[p].numbers for p in nodes if p.kind in ("attn_in", "attn_out", "mlp_in", "mlp_out")]
        channels = torch.cat(touching).unique()
        if embedding is None:
            embedding = model.get_input_embeddings().get_parameter("weight")
        embedding = embedding.detach().cpu()
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
        # Language is asked after its last token, images for the mean of their patches, which a register precedes.
        self.asked = slice(-1, None) if model.config.causal else slice(1, None)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the answers' logits of prompts: (prompt, position) -> (prompt, answer)."""
        x = F.embedding(tokens, self.embedding)
        for block in self.blocks:
            x = block(x, tokens)
        asked = tokens[:, self.asked]
        normed, scale = self.final(x[:, self.asked], asked)
        direct = self.direct_logits[asked] if self.has_bigram else self.direct_logits
        return (normed @ self.unembed.T + scale * self.static_logits[asked] + direct).mean(dim=1)

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
        self.keep_in, self.keep_out = part.act_in, part.act_out

    def write(self, x: Tensor, y: Tensor) -> Tensor:
        """Return what is added to the kept channels (..., channel), from what open channels get (..., written)."""
        out = self.constant.expand(*x.shape[:-1], -1).clone()
        out[..., self.get_buffer("written")] = self.keep_out(y)
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
        self.act_fn, self.keep = part.act_fn, part.act_neuron

    def matrices(self) -> tuple[Tensor, ...]:
        """The weights between nodes."""
        return self.up, self.down

    def forward(self, x: Tensor) -> Tensor:
        """Map the normed channels (prompt, position, channel) to what is written there."""
        read = self.keep_in(x[..., self.get_buffer("read")])
        neurons = self.keep(self.act_fn(F.linear(read, self.up, self.up_bias)))
        return self.write(x, F.linear(neurons, self.down, self.down_bias))


class _Channels(nn.Module):
    """The open query, key or value channels of an attention, computed from the open channels that it reads."""

    def __init__(self, weight: Tensor, bias: Tensor, keep: nn.Module, reads: _Open, channels: _Open) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight[channels.numbers][:, reads.numbers])
        self.bias = nn.Parameter((bias + weight @ reads.constant)[channels.numbers])
        self.keep = keep
        self.register_buffer("numbers", channels.numbers)
        self.register_buffer("constant", channels.constant)

    def forward(self, read: Tensor) -> Tensor:
        """Map what is read (..., read) to the open channels (..., open)."""
        return self.keep(F.linear(read, self.weight, self.bias))

    def full(self, read: Tensor) -> Tensor:
        """Map what is read to all channels (..., width), closed ones at their fills."""
        found = self.get_buffer("constant").expand(*read.shape[:-1], -1).clone()
        found[..., self.get_buffer("numbers")] = self(read)
        return found


class _Heads(_Reading):
    """The heads of an attention with any node open."""

    def __init__(self, part: Attention, nodes: dict[str, _Open], channels: Tensor) -> None:
        reads, values, writes = (nodes[f"attn_{kind}"] for kind in ("in", "v", "out"))
        super().__init__(part, reads, writes, channels)
        self.heads, self.d_head = part.heads, part.c_proj.in_features // part.heads
        weights, biases = (whole.detach().cpu().chunk(3) for whole in (part.c_attn.weight, part.c_attn.bias))
        keeps = (part.act_q, part.act_k, part.act_v)
        self.q, self.k, self.v = (
            _Channels(weight, bias, keep, reads, nodes[f"attn_{kind}"])
            for kind, weight, bias, keep in zip("qkv", weights, biases, keeps, strict=True)
        )
        down = part.c_proj.weight.detach().cpu()[writes.numbers]
        self.down = nn.Parameter(down[:, values.numbers])
        # A closed value is the same at all positions, so that its head writes it times 1 less the sink's share.
        closed = (down * values.constant).unflatten(1, (self.heads, self.d_head)).sum(dim=2)
        self.head_constant = nn.Parameter(closed)
        self.down_bias = nn.Parameter(part.c_proj.bias.detach().cpu()[writes.numbers])
        self.attn_imp, self.causal = part.attn_imp, part.causal

    def matrices(self) -> tuple[Tensor, ...]:
        """The weights between nodes."""
        return self.q.weight, self.k.weight, self.v.weight, self.down

    def forward(self, x: Tensor) -> Tensor:
        """Map the normed channels (prompt, position, channel) to what is written there."""
        read = self.keep_in(x[..., self.get_buffer("read")])
        pattern, own = self._pattern(read), self.v(read)
        mixed = torch.zeros_like(own)
        of_head = self.v.get_buffer("numbers") // self.d_head
        for head in of_head.unique().tolist():
            columns = of_head == head
            mixed[..., columns] = pattern[:, head] @ own[..., columns]
        share = pattern.sum(dim=-1).transpose(1, 2)
        return self.write(x, F.linear(mixed, self.down, self.down_bias) + share @ self.head_constant.T)

    def _pattern(self, read: Tensor) -> Tensor:
        """What each position attends to (prompt, head, position, position); the sink has the rest of each row."""
        q, k = (part.full(read).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q, self.k))
        scores = q @ k.transpose(-1, -2) * self.d_head**-0.5
        length = scores.shape[-1]
        if self.causal:
            future = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        if self.attn_imp is None:
            return scores.softmax(dim=-1)
        sink = self.attn_imp.sink_logit.view(1, -1, 1, 1).expand(len(scores), -1, length, 1)
        return torch.cat([sink, scores], dim=-1).softmax(dim=-1)[..., 1:]
