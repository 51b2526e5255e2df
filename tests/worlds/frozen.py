"""The frozen model: what a pass on clean prompts found of norms, attention and MLPs is held in later passes.

A model of its own, against which edges are checked: attention patterns and the divisors of norms are those of the clean
pass, an activation function multiplies by what it did there, and of a product of gate and value each side is half: the
model is affine in what is written to its residual stream, and on the clean prompts it computes what the model does.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.models.families import norm_scale
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run


@contextmanager
def frozen(model: Model, clean: Tensor) -> Iterator[None]:
    """Hold what a pass on `clean` (pair, position) computes; later passes are on these pairs, repeated."""
    held: dict[Any, Tensor] = {}
    now: dict[Any, Tensor] = {}

    def hold(key: Any, value: Tensor, like: Tensor) -> Tensor:
        if key not in held:
            held[key] = value
        return held[key].repeat(len(like) // len(held[key]), *[1] * (held[key].dim() - 1))

    def norm(module: Any, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        x = inputs[0]
        x = x - x.mean(dim=-1, keepdim=True) if isinstance(module, nn.LayerNorm) else x
        epsilon = module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps
        spread = hold(module, (x.square().mean(dim=-1, keepdim=True) + epsilon).sqrt(), x)
        bias = module.bias if isinstance(module, nn.LayerNorm) else 0
        return x / spread * norm_scale(module) + bias

    def activation(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        return x * hold(module, torch.where(x == 0, 0, output / x), x)

    def keep(module: nn.Module, _: Any, output: Tensor) -> None:
        now[module] = output

    def product(mlp: Any) -> Any:
        def visit(module: nn.Module, _: Any) -> tuple[Tensor]:
            gate, value = now[mlp.act_fn], now[mlp.up_proj]
            gate_held, value_held = hold((module, "gate"), gate, gate), hold((module, "value"), value, value)
            return ((gate * value_held + gate_held * value) / 2,)

        return visit

    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def attention(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, **named: Any) -> Any:
        scores = query @ key.repeat_interleave(query.shape[1] // key.shape[1], dim=1).mT
        scaling = named.get("scaling") or query.shape[-1] ** -0.5
        scores = scores * scaling
        if named.get("softcap"):
            scores = torch.tanh(scores / named["softcap"]) * named["softcap"]
        causal = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        pattern = hold(module, scores.masked_fill(~causal, float("-inf")).softmax(dim=-1), query)
        mixed = pattern @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
        return mixed.transpose(1, 2).contiguous(), pattern

    network = model.network
    implementation = network.config._attn_implementation
    gated = [module for module in network.modules() if hasattr(module, "gate_proj")]
    with ExitStack() as stack:
        for mlp in gated:
            stack.callback(mlp.up_proj.register_forward_hook(keep).remove)
            stack.callback(mlp.act_fn.register_forward_hook(activation).remove)
            stack.callback(mlp.act_fn.register_forward_hook(keep).remove)
            stack.callback(mlp.down_proj.register_forward_pre_hook(product(mlp)).remove)
        for name, module in network.named_modules():
            if isinstance(module, nn.LayerNorm) or type(module).__name__.endswith("RMSNorm"):
                stack.callback(module.register_forward_hook(norm).remove)
            elif name.rpartition(".")[2] == "act" or (name.endswith("mlp.act_fn") and not gated):
                stack.callback(module.register_forward_hook(activation).remove)
            elif name.endswith((".act_q", ".act_k")):
                # Queries and keys of an attention that transformers does not call: what they give is its pattern.
                stack.callback(module.register_forward_hook(lambda m, _, out: hold(m, out, out)).remove)
        ALL_ATTENTION_FUNCTIONS["eager"] = attention
        stack.callback(lambda: ALL_ATTENTION_FUNCTIONS.pop("eager"))
        stack.callback(lambda: setattr(network.config, "_attn_implementation", implementation))
        network.config._attn_implementation = "eager"
        with torch.no_grad():
            run(model, clean, logits="last")
        yield
