"""Tokens of the corpus that the model predicts well, and not by copying: what discovery sets out from.

After Michaud et al. 2023 (arXiv 2303.13506), section 5, and Marks et al. 2024 (arXiv 2403.19647), section 5: tokens of
low loss, less those that induction explains.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.discover_tokens import Wanted
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import compare, last_site
from sparse_circuits.models.run import run

HELD_OUT_EVERY = 4  # each fourth document's tokens are held out


@dataclass(frozen=True)
class Targets:
    """Windows of tokens, and the places in them whose next token is to be explained.

    `tokens` (window, context + 1), each beginning with the separator. Of each target (target,): its `window`, the
    `position` that predicts, the `document` it is from, and whether that is `held_out`.
    """

    tokens: Tensor
    window: Tensor
    position: Tensor
    document: Tensor
    held_out: Tensor

    @property
    def answer(self) -> Tensor:
        """The next token of each target."""
        return self.tokens[self.window, self.position + 1]

    def __len__(self) -> int:
        return len(self.window)


@torch.no_grad()
def find_targets(model: Model, sequences: Sequences, wanted: Wanted, seed: int, batch_tokens: int) -> Targets:
    """Return the first targets found in the first windows of all sequences, then in their second ones, and so on.

    A target lies in the last two thirds of its window, has a loss of at most `max_loss`, and is no copy. Where a window
    has more than `a_window`, `seed` draws. Raises StudyError when sequences are too short or too few.
    """
    length = sequences.token_id.shape[1]
    if wanted.context >= length:
        raise StudyError(f"discovery.context: {wanted.context}, the cache's sequences have {length} tokens; lower it")
    generator = np.random.default_rng(seed)
    kept: list[NDArray[np.int32]] = []
    documents: list[int] = []
    places: list[tuple[int, int]] = []
    with Progress(total=wanted.tokens, desc="find tokens", unit="token") as bar:
        for tokens, document in _windows(sequences, wanted.context, max(1, batch_tokens // wanted.context)):
            loss = loss_by_position(model, torch.from_numpy(tokens).long().to(model.device)).cpu().numpy()
            for row in range(len(tokens)):
                fits = (loss[row] <= wanted.max_loss) & ~copied(tokens[row])
                fits[: wanted.context // 3] = False
                found = fits.nonzero()[0]
                if len(found) == 0:
                    continue
                found = np.sort(generator.permutation(found)[: wanted.a_window])[: wanted.tokens - len(places)]
                places += [(len(kept), int(position)) for position in found]
                bar.update(len(found))
                kept.append(tokens[row])
                documents.append(int(document[row]))
                if len(places) == wanted.tokens:
                    return _targets(kept, documents, places)
    raise StudyError(
        f"discovery.tokens: {wanted.tokens} wanted, the corpus has {len(places)} with a loss of {wanted.max_loss:g} or "
        "less; lower it or raise discovery.max_loss or discovery.a_window"
    )


def copied(tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell of each position of a window (context + 1,) whether its token and the next stood side by side before."""
    seen: set[tuple[int, int]] = set()
    result = []
    for pair in zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True):
        result.append(pair in seen)
        seen.add(pair)
    return np.array(result)


def _windows(sequences: Sequences, context: int, size: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Yield batches of windows (window, context + 1), each the separator and a stretch of a sequence, and documents."""
    separator, rest = sequences.token_id[:, :1], sequences.token_id[:, 1:]
    for begin in range(0, rest.shape[1] - context + 1, context):
        tokens = np.concatenate([separator, rest[:, begin : begin + context]], axis=1)
        for first in range(0, len(tokens), size):
            yield tokens[first : first + size], sequences.document[first : first + size]


def _targets(kept: list[NDArray[np.int32]], documents: list[int], places: list[tuple[int, int]]) -> Targets:
    window, position = torch.tensor(places).T
    rank = {document: number for number, document in enumerate(dict.fromkeys(documents))}
    held_out = torch.tensor([rank[document] % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 for document in documents])
    tokens = torch.from_numpy(np.stack(kept)).long()
    return Targets(tokens, window, position, torch.tensor(documents)[window], held_out[window])


def loss_by_position(model: Model, tokens: Tensor) -> Tensor:
    """Return the loss in nats of each next token of windows (window, context + 1): (window, context)."""
    last = last_site(model)
    hidden = run(model, tokens, read=[last]).activations[last]
    return compare(tokens, [(model, hidden)])[0].loss


def log_odds(model: Model, hidden: Tensor, answers: Tensor) -> Tensor:
    """Return log p / (1 - p) of tokens `answers` (row,) from activations `hidden` (row, d_model) at the last site.

    The metric of discovery. Unlike the loss, which is flat where p is near 1, it does not saturate.
    """
    # The norm, the unembedding and what caps logits are the model's own: a pass that begins after its last layer.
    logits = run(model, answers[:, None], start=(last_site(model), hidden[:, None]), logits="last").logits
    right = logits[:, 0].gather(1, answers[:, None])
    others = logits[:, 0].scatter(1, answers[:, None], -torch.inf)
    return right[:, 0] - others.logsumexp(dim=1)
