"""Direct paths between the sites of a basis: one pass in which every site starts anew, and gradients through it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Basis, Dictionary, Features
from sparse_circuits.config.site import Site
from sparse_circuits.models.linearised import linearised
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, run


@dataclass(frozen=True)
class DirectPaths:
    """A pass cut at sites. `starts` stand at the sites, `arrivals` are what came to a site that is read.

    All (pair, position, d). An arrival is taken before anything is put in its place, so its gradient reaches a start by
    paths through no other start: the direct effects of Marks et al. 2024 (appendix A.1), for any set of sites.
    """

    starts: dict[Site, Tensor]
    arrivals: dict[Site, Tensor]
    logits: Tensor | None
    unembedded: Tensor | None  # logits before the cap that some models put on them

    def gradients(self, arrival: Tensor, cotangents: Tensor) -> dict[Site, Tensor]:
        """Return the gradients (lane, pair, position, d) at all starts that can be reached from `arrival`.

        `cotangents` (lane, *arrival.shape) are pulled back in one batched backward pass.
        """
        if not arrival.requires_grad:
            return {}
        found = torch.autograd.grad(
            arrival, list(self.starts.values()), cotangents, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        return {site: gradient for site, gradient in zip(self.starts, found, strict=True) if gradient is not None}

    def is_identity(self, arrival: Tensor) -> bool:
        """Whether everything that reaches `arrival` is added to it as it is: the residual stream alone.

        Asked of one random cotangent, which no other linear map would return as it is.
        """
        generator = torch.Generator().manual_seed(0)
        probe = torch.randn(1, *arrival.shape, generator=generator).to(arrival.device)
        return all(torch.equal(gradient, probe) for gradient in self.gradients(arrival, probe).values())


def cut_at_sites(
    model: Model,
    tokens: Tensor,
    sites: Sequence[Site],
    reads: Sequence[Site],
    linear: bool,
    logits: Literal["last", "none"] = "none",
) -> DirectPaths:
    """Run the model with each of `sites` started anew from its own value, and keep what arrives at `reads`.

    `linear` has gradients pass as in `linearised`: constant attention patterns and norm scales, and MLPs as products.
    """
    starts: dict[Site, Tensor] = {}
    arrivals: dict[Site, Tensor] = {}

    def visit(site: Site) -> Edit:
        def edit(x: Tensor) -> Tensor:
            if site in reads:
                arrivals[site] = x
            if site not in sites:
                return x
            starts[site] = x.detach().requires_grad_()
            return starts[site]

        return edit

    unembedded: list[Tensor] = []
    unembed = model.network.get_output_embeddings()
    everywhere = sorted({*sites, *reads}, key=lambda site: site.order)
    with ExitStack() as stack:
        stack.enter_context(_attention_in_products(model))
        if linear:
            stack.enter_context(linearised(model))
        stack.callback(unembed.register_forward_hook(lambda *passed: unembedded.append(passed[2])).remove)
        last = [everywhere[-1]] if logits == "none" else []
        found = run(model, tokens, read=last, edit={site: visit(site) for site in everywhere}, logits=logits)
    return DirectPaths(starts, arrivals, found.last, unembedded[0] if unembedded else None)


@contextmanager
def _attention_in_products(model: Model) -> Iterator[None]:
    """Have attention computed by matrix products; fused attention has no batched backward pass."""
    config = model.network.config
    name = config._attn_implementation
    config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = name


def reading_sites(basis: Basis) -> dict[Site, Site]:
    """Return, for each site, the one that its dictionary reads."""
    return {site: dictionary.reads or site for site, dictionary in basis.items()}


def decoder_rows(dictionary: Dictionary, coordinates: Tensor) -> Tensor:
    """Return what each of some coordinates (n,) writes per unit: (n, d)."""
    if isinstance(dictionary, Features):
        return dictionary.sae.W_dec[coordinates]
    return torch.nn.functional.one_hot(coordinates, dictionary.width * dictionary.group).float()


def encoder_rows(dictionary: Dictionary, coordinates: Tensor) -> Tensor:
    """Return the gradient of each of some coordinates (n,), where it is active, by what is read: (n, d_in)."""
    if isinstance(dictionary, Features):
        return dictionary.sae.W_enc.T[coordinates]
    return torch.nn.functional.one_hot(coordinates, dictionary.width * dictionary.group).float()
