"""A model whose values are its own, and whose gradients are those of a linear model: rules of RelP."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.models.families import norm_scale
from sparse_circuits.models.load import Model

ACTIVATIONS = ("act_fn", "act", "activation_fn")  # what the families call the module of an MLP's nonlinearity
PATTERN = ("act_q", "act_k")  # what gives queries and keys where a model's attention is its own


@contextmanager
def linearised(model: Model) -> Iterator[None]:
    """Let gradients pass as layer-wise relevance propagation has it; what a pass computes stays the same.

    Rules of RelP (Jafari et al. 2025, arXiv 2508.21258): norms divide by a constant; an activation function is
    multiplication by the constant f(x) / x; of a product of gate and value each side gets half; attention patterns are
    constant. Every path from a site to the logits is then linear, but for the halves.
    """
    network = model.network
    with ExitStack() as stack:
        for name, module in network.named_modules():
            last = name.rpartition(".")[2]
            if isinstance(module, nn.LayerNorm) or type(module).__name__.endswith("RMSNorm"):
                stack.callback(module.register_forward_hook(_norm).remove)
            elif last in ACTIVATIONS:
                stack.callback(module.register_forward_hook(_activation).remove)
            elif last in PATTERN:
                stack.callback(module.register_forward_hook(lambda _, __, output: output.detach()).remove)
            elif hasattr(module, "gate_proj"):
                down = module.get_submodule("down_proj")
                stack.callback(down.register_forward_pre_hook(_half).remove)
        stack.enter_context(_frozen_attention(model))
        yield


def _norm(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    x = inputs[0]
    centred = x - x.mean(dim=-1, keepdim=True) if isinstance(module, nn.LayerNorm) else x
    epsilon = module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps
    spread = (centred.detach().square().mean(dim=-1, keepdim=True) + epsilon).sqrt()
    return _with_value(centred * (norm_scale(module) / spread), output)


def _activation(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    x = inputs[0]
    with torch.no_grad():
        ratio = torch.where(x == 0, 0, output / x)
    return _with_value(x * ratio, output)


def _half(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (_with_value(inputs[0] / 2, inputs[0]), *inputs[1:])


def _with_value(linear: Tensor, value: Tensor) -> Tensor:
    """The gradient of one, the value of the other."""
    return value.detach() + (linear - linear.detach())


@contextmanager
def _frozen_attention(model: Model) -> Iterator[None]:
    """Have transformers call the model's own attention with queries and keys that pass no gradients."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward as sdpa
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    name: str = model.network.config._attn_implementation
    # Each family has its own eager attention, beside its layers; the others are shared, and found by name.
    layers = model.network.get_submodule(model.family.layers).children()
    module = sys.modules[type(next(layers)).__module__]
    eager: Callable[..., Any] = getattr(module, "eager_attention_forward", sdpa)
    own = ALL_ATTENTION_FUNCTIONS.get_interface(name, eager)

    def attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *rest: Any, **named: Any) -> Any:
        return own(module, query.detach(), key.detach(), value, *rest, **named)

    ALL_ATTENTION_FUNCTIONS[name] = attention
    try:
        yield
    finally:
        del ALL_ATTENTION_FUNCTIONS[name]
