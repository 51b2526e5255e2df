"""One forward pass in which named sites are read, changed, or taken as the starting point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from sparse_circuits.base.compute import at_least_fp32, exact, matmul_precision
from sparse_circuits.base.types import Activation, Logits, Tokens
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import locate, norm_scale
from sparse_circuits.models.intervention import Edit, compose

if TYPE_CHECKING:
    from sparse_circuits.models.load import Model


@dataclass(frozen=True)
class Run:
    """What a forward pass gave: the activations asked for, and, where asked for, the last logits."""

    activations: dict[Site, Activation]
    last: Logits | None

    @property
    def logits(self) -> Logits:
        """The last logits (batch, 1, vocabulary) in fp32; raises ValueError for a pass without."""
        if self.last is None:
            raise ValueError("the pass was to give no logits")
        return self.last


class _Stop(Exception):
    """Raised by the hook of the last site wanted, to spare the layers after it."""


class _Passed(nn.Module):
    """Stands in for a layer that is skipped: hands on what it gets, or the activation given instead."""

    def __init__(self, activation: Tensor | None) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        return hidden if self.activation is None else self.activation


def run(
    model: Model,
    tokens: Tokens,
    *,
    read: Sequence[Site] = (),
    edit: Mapping[Site, Edit] | None = None,
    start: tuple[Site, Activation] | None = None,
    logits: Literal["last", "none"] = "none",
) -> Run:
    """Run the model on `tokens` (batch, position).

    `edit` replaces the activation (batch, position, width) of a site by a function of it, after the model's own
    intervention; `read` returns activations in fp32, as they are after editing. `start` begins at a residual site,
    whose activation is given, and skips all layers up to it. Without logits the pass ends after the last site read.
    """
    own = {site: one for site, one in model.intervention.items() if not start or site.order > start[0].order}
    edits = compose([own, edit or {}])
    kept: dict[Site, Tensor] = {}
    final = max(read, key=lambda site: site.order) if read and logits == "none" else None
    sites = sorted({*read, *edits}, key=lambda site: site.order)
    with ExitStack() as stack:
        if start:
            if start[0].kind != "resid_post":
                raise ValueError(f"a pass can start at a residual site only, not at {start[0]}")
            stack.enter_context(_skipping(model, *start))
        for site in sites:
            stack.enter_context(_hooked(model, site, edits.get(site), kept if site in read else None, site == final))
        stack.enter_context(model_precision(model.network))
        try:
            out = model.network(input_ids=tokens, use_cache=False, logits_to_keep=1)
        except _Stop:
            out = None
    return Run(kept, out.logits if out is not None and logits != "none" else None)


@contextmanager
def model_precision(model: Any) -> Iterator[None]:
    """Have a model's matrix products run in bf16 where that is faster, but for its unembedding: logits are fp32."""
    unembed: Any = model.get_output_embeddings()
    product = unembed.forward

    def forward(hidden: Tensor) -> Tensor:
        with exact(hidden.device):
            # A slice of the last position is strided, for which torch would read the whole unembedding once a prompt.
            return product(at_least_fp32(hidden).contiguous())

    unembed.forward = forward
    try:
        with matmul_precision(unembed.weight.device):
            yield
    finally:
        del unembed.forward


@torch.no_grad()
def continued(model: Model, tokens: list[int], count: int, edit: Mapping[Site, Edit] | None = None) -> list[int]:
    """Return the `count` tokens that follow `tokens` when each is the likeliest."""
    followed = list(tokens)
    for _ in range(count):
        logits = run(model, torch.tensor([followed], device=model.device), edit=edit, logits="last").logits
        followed.append(int(logits[0, -1].argmax()))
    return followed[len(tokens) :]


def standing(site: Site, activation: Tensor) -> dict[str, Any]:
    """Return the options of a run in which an activation (batch, position, width) stands at a site.

    At a residual site the pass begins there.
    """
    return {"start": (site, activation)} if site.kind == "resid_post" else {"edit": {site: lambda _: activation}}


@contextmanager
def _hooked(model: Model, site: Site, edit: Edit | None, kept: dict[Site, Tensor] | None, stop: bool) -> Iterator[None]:
    module, at_input = locate(model.network, model.family, site)

    def visit(activation: Tensor) -> Tensor:
        # Handed on in fp32 as it was read, so that gradients of what was read see the rest of the pass.
        activation = _separated(model, activation.float())
        if edit is not None:
            with exact(activation.device):  # autoencoders among them encode in fp32
                activation = edit(activation)
        if kept is not None:
            kept[site] = activation
        if stop:
            raise _Stop
        return _as_the_model_has_it(model, activation)

    def visit_input(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (visit(inputs[0]), *inputs[1:])

    def visit_output(_: nn.Module, __: Any, output: Any) -> Any:
        return (visit(output[0]), *output[1:]) if isinstance(output, tuple) else visit(output)

    handle = module.register_forward_pre_hook(visit_input) if at_input else module.register_forward_hook(visit_output)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _skipping(model: Model, site: Site, activation: Tensor) -> Iterator[None]:
    layers = model.network.get_submodule(model.family.layers)
    assert isinstance(layers, nn.ModuleList)
    replaced = list(layers[: site.layer + 1])
    for index in range(site.layer + 1):
        layers[index] = _Passed(_as_the_model_has_it(model, activation) if index == site.layer else None)
    try:
        yield
    finally:
        for index, layer in enumerate(replaced):
            layers[index] = layer


def _separated(model: Model, activation: Tensor) -> Tensor:
    """An activation (batch, position, width) with an empty position 0 where the model has no separator there."""
    return activation if model.family.separated else nn.functional.pad(activation, (0, 0, 1, 0))


def _as_the_model_has_it(model: Model, activation: Tensor) -> Tensor:
    return activation if model.family.separated else activation[:, 1:]


def cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the loss in nats of each next token: logits (batch, position, vocabulary) -> (batch, prediction).

    Of an image there is one prediction, its class, which is the last token.
    """
    logits = logits[:, :-1] if logits.shape[1] == tokens.shape[1] else logits
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), tokens[:, -logits.shape[1] :].flatten(), reduction="none"
    ).unflatten(0, (tokens.shape[0], -1))


@torch.no_grad()
def promoted_tokens(model: Model, directions: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return ids of the tokens whose logits each direction (n, d_model) raises and lowers most: two of (n, count).

    The direct path: the final norm's scale, then the unembedding (nostalgebraist's logit lens).
    """
    norm = model.family.final_norm
    scale = norm_scale(model.network.get_submodule(norm)) if norm else 1.0
    # Without a bias, which classifiers have: it is no part of what a direction adds.
    weight = model.network.get_output_embeddings().weight
    # DINOv2's classifier reads the class token and the mean of the patches, side by side; a direction may be in both.
    weight = weight.unflatten(1, (-1, directions.shape[1])).sum(dim=1)
    logits = nn.functional.linear(directions * scale, weight)
    count = min(count, logits.shape[1])
    return logits.topk(count).indices, (-logits).topk(count).indices
