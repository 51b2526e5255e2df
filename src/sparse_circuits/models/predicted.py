"""What a model predicts, from its last activations: few logits at a time, so that memory does not grow with the tokens.

A whole batch's logits are larger than all its activations together: with 262,144 tokens, 1 MB a position.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run

LOGITS = 2**25  # at a time: 128 MiB in fp32, of which a reduction holds a few


def rows_at_a_time(model: Model) -> int:
    """Return of how many tokens' or images' predictions the logits are made at a time."""
    return max(1, LOGITS // model.vocabulary)


def last_site(model: Model) -> Site:
    """Return the residual stream after the last layer, from which a model predicts."""
    layers = list(model.network.get_submodule(model.family.layers).children())
    return Site("resid_post", len(layers) - 1)


@dataclass(frozen=True)
class Predicted:
    """What a model predicts at places of sequences, one a row; logits are made when they are wanted.

    A pass on `tokens` (row, token) that begins after the last layer, at `hidden` (row, position, d_model), predicts it.
    """

    model: Model
    tokens: Tensor
    hidden: Tensor

    @classmethod
    def of(cls, model: Model, tokens: Tensor, hidden: Tensor) -> "Predicted":
        """What is predicted after each of tokens (sequence, position); of an image (image, token), its class.

        `hidden` (sequence, position, d_model) are the activations at the last site.
        """
        if model.sees:
            return cls(model, tokens, hidden)
        return cls(model, tokens.reshape(-1, 1), hidden.flatten(0, 1).unsqueeze(1))

    def logits(self, rows: slice) -> Tensor:
        """Return the logits of some rows: (row, vocabulary)."""
        # The norm, the unembedding and what caps logits are the model's own: a pass that begins after its last layer.
        start = (last_site(self.model), self.hidden[rows])
        return run(self.model, self.tokens[rows], start=start, logits="last").logits[:, -1]

    def parts(self) -> Iterator[slice]:
        """Yield the rows whose logits are made at a time."""
        size = rows_at_a_time(self.model)
        yield from (slice(begin, begin + size) for begin in range(0, len(self.tokens), size))


class Effects(NamedTuple):
    """In nats, each (sequence, prediction): the loss of each token, and the divergence from the first model."""

    loss: Tensor
    kl: Tensor


@torch.no_grad()
def compare(tokens: Tensor, models: Sequence[tuple[Model, Tensor]]) -> list[Effects]:
    """Return the effects of models, each with its activations (sequence, position, d_model) at the last site.

    Each of tokens (sequence, position) but the first is predicted; of an image its class alone, the last token.
    """
    before, targets = (slice(None), tokens[:, -1:]) if models[0][0].sees else (slice(-1), tokens[:, 1:])
    predicted = [Predicted.of(model, tokens[:, before], hidden[:, before]) for model, hidden in models]
    found = [Effects(*torch.zeros(2, targets.numel(), device=tokens.device)) for _ in models]
    for rows in predicted[0].parts():
        likely = None
        for one, effects in zip(predicted, found, strict=True):
            unlikely = one.logits(rows).log_softmax(dim=-1)
            likely = unlikely if likely is None else likely
            effects.loss[rows] = nn.functional.nll_loss(unlikely, targets.flatten()[rows], reduction="none")
            effects.kl[rows] = divergence(likely, unlikely)
    return [Effects(*(values.view(targets.shape) for values in effects)) for effects in found]


def divergence(likely: Tensor, unlikely: Tensor) -> Tensor:
    """Return KL(likely || unlikely) in nats of log-probabilities (..., vocabulary): (...)."""
    return nn.functional.kl_div(unlikely, likely, reduction="none", log_target=True).sum(dim=-1)
