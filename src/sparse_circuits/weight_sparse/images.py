"""Training on images: the batches of each step, and how often the trained model is right."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry
from sparse_circuits.models.cues import as_trained
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.models.run import model_precision
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM

BATCH = 500  # images in one pass that is not trained on


def augmented(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    entry: VisionTransformerEntry,
    seed: int,
) -> Callable[[int], Tensor]:
    """Return what gives the tokens (image, 2 + pixels) of a step, the class last.

    Images (image, height, width, channel) come in a random order, another one in each round; each is moved by up to
    `shift` pixels, what leaves at one side coming back at the other, and, with `flip`, half of them are turned over.
    The cue, where there is one, is planted then.
    """
    steps = len(images) // entry.batch
    height, width = images.shape[1:3]

    @lru_cache(maxsize=1)
    def order(number: int) -> NDArray[np.int64]:
        return np.random.default_rng([seed, number]).permutation(len(images))

    def of(step: int) -> Tensor:
        chosen = order(step // steps)[step % steps * entry.batch :][: entry.batch]
        draw = np.random.default_rng([seed, 1, step])
        moves = draw.integers(-entry.shift, entry.shift, (len(chosen), 2), endpoint=True)
        flips = draw.random(len(chosen)) < (0.5 if entry.flip else 0)
        rows, columns = (
            (np.arange(size) - move[:, None]) % size for size, move in zip((height, width), moves.T, strict=True)
        )
        columns = np.where(flips[:, None], width - 1 - columns, columns)
        changed = images[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        planted = as_trained(changed, labels[chosen], classes, entry.cue)
        return torch.from_numpy(to_tokens(planted, labels[chosen], len(classes))).long()

    return of


@torch.no_grad()
def accuracy(model: WeightSparseForCausalLM, tokens: Tensor) -> float:
    """Return the share of images, tokens (image, 2 + pixels), whose class has the largest logit."""
    right = []
    for part in tokens.split(BATCH):
        part = part.to(model.device)
        with model_precision(model):
            logits = model(part).logits
        right.append(logits[:, -1].argmax(dim=1) == part[:, -1])
    return torch.cat(right).double().mean().item()
