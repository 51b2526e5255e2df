"""How high a model of images ranks the right classes."""

import torch
from torch import Tensor

from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run

IMAGES = 16  # in one pass


@torch.no_grad()
def class_ranks(model: Model, tokens: Tensor) -> Tensor:
    """Return how many classes have a larger logit than the right one, which ends the tokens of an image: (image,)."""
    ranks = []
    for part in tokens.split(IMAGES):
        logits = run(model, part.to(model.device), logits="last").logits
        label = part[:, -1:].to(logits.device)
        ranks.append((logits[:, -1] > logits[:, -1].gather(1, label)).sum(dim=1).cpu())
    return torch.cat(ranks)
