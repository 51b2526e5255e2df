"""Which tokens of the text a feature's activation comes from: RelP from the feature down to the embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.base.progress import Progress
from sparse_circuits.config.site import Site
from sparse_circuits.models.linearised import linearised
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run

EMBED = Site("embed")


@dataclass(frozen=True)
class Asked:
    """Tokens up to the one asked about (position,), the separator first, and a direction (width,) read there."""

    tokens: Tensor
    direction: Tensor


def input_attributions(model: Model, site: Site, asked: Sequence[Asked], batch_tokens: int) -> list[Tensor]:
    """Return, for each one asked, what every token's embedding adds to the activation along the direction: (position,).

    embedding · d(x · direction) / d(embedding), the gradient passed by the rules of RelP (`linearised`). It then is
    that of a linear model, so in models without biases (Llama, Qwen, Gemma) the tokens' parts add up to x · direction;
    the gradient itself would lose what norms and activation functions saturate. Attention patterns are constant: where
    attention looks is not attributed, what it moves is.
    """
    order = sorted(range(len(asked)), key=lambda i: len(asked[i].tokens))
    result: list[Tensor] = [torch.empty(0)] * len(asked)
    with linearised(model), Progress(total=len(asked), desc="inputs", unit="context") as progress:
        for indices in _batches(order, asked, batch_tokens):
            members = [asked[i] for i in indices]
            # Padded on the right, where nothing that is asked about can see it.
            tokens = torch.nn.utils.rnn.pad_sequence([member.tokens.long() for member in members], batch_first=True)
            tokens = tokens.to(model.device)
            # The embeddings themselves, as the pass reads them, are what gradients are taken of.
            got = run(model, tokens, read=[EMBED, site], edit={EMBED: lambda e: e.detach().requires_grad_()})
            embedded, x = got.activations[EMBED], got.activations[site]
            last = torch.tensor([len(member.tokens) - 1 for member in members], device=model.device)
            directions = torch.stack([member.direction for member in members]).to(model.device)
            read = (x[torch.arange(len(members)), last] * directions).sum()
            (gradient,) = torch.autograd.grad(read, embedded)
            parts = (gradient * embedded).sum(dim=2).detach().cpu()
            for row, index in enumerate(indices):
                result[index] = parts[row, : len(asked[index].tokens)]
            progress.update(len(members))
    return result


def _batches(order: Sequence[int], asked: Sequence[Asked], batch_tokens: int) -> list[list[int]]:
    """Cut `order`, which ascends in length, into batches of at most `batch_tokens` tokens, padding included."""
    batches: list[list[int]] = []
    for index in order:
        if batches and (len(batches[-1]) + 1) * len(asked[index].tokens) <= batch_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
