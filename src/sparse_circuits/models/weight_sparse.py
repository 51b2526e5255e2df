"""The weight-sparse transformer: a GPT whose activations are sparse too, as an ordinary Hugging Face model.

Gao et al. 2025, "Weight-sparse transformers have interpretable circuits", section 2 and appendix A.1. Weights are named
as in the models that OpenAI released, so that their state dicts fit.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

# Where activations are made sparse, in the order of the computation within a layer.
PLACES = ("attn_in", "attn_q", "attn_k", "attn_v", "attn_out", "mlp_in", "mlp_neuron", "mlp_out")


class WeightSparseConfig(PreTrainedConfig):
    """Sizes and switches. Of each activation the share `active` is left at the places `active_at`; None leaves all."""

    model_type = "weight_sparse_gpt"

    tie_word_embeddings: bool = False
    vocab_size: int = 2048
    hidden_size: int = 256
    num_hidden_layers: int = 2
    head_dim: int = 16
    num_attention_heads: int = 16
    intermediate_size: int = 1024
    max_position_embeddings: int = 256
    active: float | None = 0.25
    active_at: Sequence[str] = PLACES
    activation: str = "gelu"
    sink: bool = True
    bigram: bool = True
    positions: bool = False
    causal: bool = True
    rms_norm_eps: float = torch.finfo(torch.float32).eps

    def kept(self, place: str, width: int) -> int | None:
        """Return how many of `width` entries stay at a place; None: all."""
        return None if self.active is None or place not in self.active_at else int(self.active * width)


class AbsTopK(nn.Module):
    """Keeps the `k` entries of largest |x| in the last dimension, and what ties the last of them; zeroes the others."""

    def __init__(self, k: int | None) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        """Return x (..., width) with all but the largest zero; without `k` as it is."""
        return keep_largest(x, x, self.k)


def keep_largest(x: Tensor, competing: Tensor, k: int | None) -> Tensor:
    """Return x (..., width) with 0 where |x| is below the k-th largest |competing| of its row; without k as it is."""
    if k is None or k >= x.shape[-1]:
        return x
    size = competing.detach().abs()
    return x * (x.detach().abs() >= _kth_largest(size, k))


def _kth_largest(size: Tensor, k: int) -> Tensor:
    """Return the k-th largest entry of each row: (..., width) -> (..., 1)."""
    if size.device.type != "cpu":
        return size.topk(k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)
    # numpy's partition uses vector instructions: a tenth of torch.topk's time on CPUs, which was a fifth of a step.
    rows = size.float() if size.dtype == torch.bfloat16 else size
    place = size.shape[-1] - k
    return torch.from_numpy(np.partition(rows.numpy(), place, axis=-1)[..., place, None]).to(size.dtype)


class Attention(nn.Module):
    """Attention, causal in language; a head's sink takes part in the softmax and writes nothing."""

    def __init__(self, config: WeightSparseConfig) -> None:
        super().__init__()
        self.causal = config.causal
        self.heads, width = config.num_attention_heads, config.num_attention_heads * config.head_dim
        self.act_in = AbsTopK(config.kept("attn_in", config.hidden_size))
        self.c_attn = nn.Linear(config.hidden_size, 3 * width)
        self.act_q, self.act_k, self.act_v = (AbsTopK(config.kept(f"attn_{part}", width)) for part in "qkv")
        self.attn_imp = Sink(self.heads, self.causal) if config.sink else None
        self.c_proj = nn.Linear(width, config.hidden_size)
        self.act_out = AbsTopK(config.kept("attn_out", config.hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, position, d_model) to what the heads write there."""
        parts = self.c_attn(self.act_in(x)).chunk(3, dim=-1)
        q, k, v = (act(part) for act, part in zip((self.act_q, self.act_k, self.act_v), parts, strict=True))
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        scale = q.shape[-1] ** -0.5
        y = self.attn_imp(q, k, v, scale) if self.attn_imp else attend(q, k, v, scale, self.causal)
        return self.act_out(self.c_proj(y.transpose(1, 2).flatten(2)))


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float, causal: bool = True) -> Tensor:
    """Return attention's mixed values (batch, head, position, d_head).

    Under autocast on a CPU causal attention runs in fp32: torch's kernel for bf16 takes four times as long there. Over
    the few patches of an image plain products in bf16 take two thirds of that.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        if not causal:
            return ((q @ k.transpose(-1, -2)) * scale).softmax(dim=-1).to(v.dtype) @ v
        with torch.autocast("cpu", enabled=False):
            return attend(q.float(), k.float(), v.float(), scale, causal)
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)


class Sink(nn.Module):
    """Attention in which each head has one more key of learned logit and value zero, which every position sees."""

    def __init__(self, heads: int, causal: bool = True) -> None:
        super().__init__()
        self.causal = causal
        self.sink_logit = nn.Parameter(torch.zeros(heads))

    def forward(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Return the mixed values (batch, head, position, d_head)."""
        # The sink is a token before the first. One more dimension, which only its key and all queries have, holds the
        # logit (values have it too, empty): a mask that needs a gradient would cost torch its fast kernels.
        batch, heads, _, d_head = q.shape
        logit = (self.sink_logit / scale).to(k.dtype).view(1, heads, 1, 1).expand(batch, -1, -1, -1)
        q = F.pad(q, (0, 1, 1, 0), value=1.0)
        k = torch.cat([F.pad(logit, (d_head, 0)), F.pad(k, (0, 1))], dim=2)
        v = F.pad(v, (0, 1, 1, 0))
        return attend(q, k, v, scale, self.causal)[:, :, 1:, :-1]


class MLP(nn.Module):
    """Two linear maps with an activation function between them."""

    def __init__(self, config: WeightSparseConfig) -> None:
        super().__init__()
        self.act_in = AbsTopK(config.kept("mlp_in", config.hidden_size))
        self.c_fc = nn.Linear(config.hidden_size, config.intermediate_size)
        self.act_fn = {"gelu": nn.GELU, "relu": nn.ReLU}[config.activation]()
        self.act_neuron = AbsTopK(config.kept("mlp_neuron", config.intermediate_size))
        self.c_proj = nn.Linear(config.intermediate_size, config.hidden_size)
        self.act_out = AbsTopK(config.kept("mlp_out", config.hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, position, d_model) to what the neurons write there."""
        return self.act_out(self.c_proj(self.act_neuron(self.act_fn(self.c_fc(self.act_in(x))))))


class Block(nn.Module):
    """Attention, then MLP; each reads the normed residual stream and adds to it."""

    def __init__(self, config: WeightSparseConfig) -> None:
        super().__init__()
        self.ln_1 = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.attn = Attention(config)
        self.ln_2 = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        """Map the residual stream (batch, position, d_model) from before the layer to after it."""
        return self.with_mlp(self.with_attention(x))

    def with_attention(self, x: Tensor) -> Tensor:
        """Map the residual stream from before the layer to between attention and MLP."""
        added: Tensor = self.attn(self.ln_1(x))
        return x + added

    def with_mlp(self, x: Tensor) -> Tensor:
        """Map the residual stream from between attention and MLP to after the layer."""
        added: Tensor = self.mlp(self.ln_2(x))
        return x + added


class WeightSparseForCausalLM(PreTrainedModel, GenerationMixin):
    """The model with its unembedding; logits get the row of a bigram table for the token that stands there."""

    config_class: type[WeightSparseConfig] = WeightSparseConfig
    _supports_sdpa = True

    def __init__(self, config: WeightSparseConfig) -> None:
        super().__init__(config)
        parts: dict[str, nn.Module] = {
            "wte": nn.Embedding(config.vocab_size, config.hidden_size),
            "drop": nn.Identity(),
            "h": nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers)),
            "ln_f": nn.RMSNorm(config.hidden_size, config.rms_norm_eps),
        }
        if config.positions:
            parts["wpe"] = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.transformer = nn.ModuleDict(parts)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.final_logits_bias = nn.Parameter(torch.zeros(config.vocab_size), requires_grad=False)
        self.bigram_table = nn.Parameter(torch.zeros(config.vocab_size, config.vocab_size)) if config.bigram else None
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """GPT-2's: normal weights of deviation .02, smaller where a layer writes to the residual stream."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, Attention | MLP):
            nn.init.normal_(module.c_proj.weight, std=0.02 / math.sqrt(2 * self.config.num_hidden_layers))

    def get_input_embeddings(self) -> nn.Module:
        """Return the token embedding."""
        return self.transformer.get_submodule("wte")

    def get_output_embeddings(self) -> nn.Module:
        """Return the unembedding."""
        return self.lm_head

    def prepare_inputs_for_generation(
        self, input_ids: Any, *_: Any, attention_mask: Any = None, **__: Any
    ) -> dict[str, Any]:
        """Return what `generate` runs: all tokens so far, for there is no cache of keys and values."""
        return {"input_ids": input_ids, "logits_to_keep": 1}

    def forward(self, input_ids: Tensor, logits_to_keep: int = 0, **_: Any) -> CausalLMOutput:
        """Return logits (batch, position, vocabulary); of the last `logits_to_keep` positions, or of all with 0.

        Raises ValueError when a sequence is longer than the model's context.
        """
        x = self.embed(input_ids)
        for block in self.transformer.get_submodule("h").children():
            x = block(x)
        kept = slice(-logits_to_keep if logits_to_keep else None, None)
        return CausalLMOutput(logits=self.unembed(x[:, kept], input_ids[:, kept]))

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the residual stream before the first layer: (batch, position) -> (batch, position, d_model)."""
        length, longest = tokens.shape[1], self.config.max_position_embeddings
        if length > longest:
            raise ValueError(f"{length} tokens are more than the model's context of {longest}")
        x: Tensor = self.transformer.get_submodule("wte")(tokens)
        if self.config.positions:
            x = x + self.transformer.get_submodule("wpe").get_parameter("weight")[:length]
        return self.transformer.get_submodule("drop")(x)

    def unembed(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (batch, position, vocabulary) of the residual stream after the last layer, with its tokens."""
        logits: Tensor = self.lm_head(self.transformer.get_submodule("ln_f")(x)) + self.final_logits_bias
        return logits if self.bigram_table is None else logits + F.embedding(tokens, self.bigram_table)


AutoConfig.register(WeightSparseConfig.model_type, WeightSparseConfig)
AutoModelForCausalLM.register(WeightSparseConfig, WeightSparseForCausalLM)
