"""Counterfactual images: as little changed as makes the model give the other answer (Wachter et al. 2017).

The change d of an image x makes softplus(m(x + d)) + price * |d|^2 least, with m the logit difference between the right
answers and the other ones, and |d|^2 the sum over pixels of squares, pixels running from -1 to 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sparse_circuits.artefacts.counterfactuals import CounterfactualExample, Levels, SideAverages, TaskCounterfactuals
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.models.vision_transformer import VisionTransformer, image_levels
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import PairBatch

STEPS = 150
RATE = 0.02  # Adam's, in pixel values from -1 to 1
PRICE = 0.02  # nats for a pixel that changes by 1


class Counterfactuals(NamedTuple):
    """Images (pair, height, width, channel) with values from -1 to 1, as they were and changed, and their metrics in
    nats (pair,)."""

    images: Tensor
    changed: Tensor
    before: Tensor
    after: Tensor


def counterfactuals(model: Model, batch: PairBatch) -> Counterfactuals:
    """Return the clean images of pairs, and what is nearest to each that the model takes for the other side."""
    network = model.network
    assert isinstance(network, VisionTransformer)
    batch = batch.to(model.device)
    images = image_levels(batch.clean, network.config.image, network.config.classes)
    change = torch.zeros_like(images, requires_grad=True)
    optimizer = torch.optim.Adam([change], lr=RATE)

    def metric(seen: Tensor) -> Tensor:
        embedded = network.embed_images(seen)
        logits = run(model, batch.clean, edit={Site("embed"): lambda _: embedded}, logits="last").logits
        return logit_difference(logits[:, -1], batch)

    for _ in Progress(range(STEPS), desc="change images", unit="step"):
        optimizer.zero_grad()
        seen = (images + change).clamp(-1, 1)
        loss = F.softplus(metric(seen)).sum() + PRICE * (seen - images).square().sum()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        changed = (images + change).clamp(-1, 1)
        return Counterfactuals(images.cpu(), changed.cpu(), metric(images).cpu(), metric(changed).cpu())


def summarise_counterfactuals(
    task: str, pairs: Sequence[Pair], found: Counterfactuals, shown: int
) -> TaskCounterfactuals:
    """Return what is told of one task's pairs: how many images turned, the averages of both sides, `shown` examples.

    Only images that the model got right count as turned, and only these are shown.
    """
    of = [pair.variables["class"] for pair in pairs]
    sides = torch.tensor([name == of[0] for name in of])
    right = found.before > 0
    return TaskCounterfactuals(
        task=task,
        pairs=len(pairs),
        flipped=float((found.after[right] < 0).double().mean()),
        changed=float((found.changed - found.images).abs().mean()),
        averages=SideAverages(
            of=_levels(found.images[sides].mean(dim=0)), against=_levels(found.images[~sides].mean(dim=0))
        ),
        examples=[
            CounterfactualExample(
                id=pairs[row].id,
                of=of[row],
                image=_levels(found.images[row]),
                counterfactual=_levels(found.changed[row]),
                before=float(found.before[row]),
                after=float(found.after[row]),
            )
            for row in right.nonzero().flatten().tolist()[:shown]
        ],
    )


def _levels(image: Tensor) -> Levels:
    """An image (height, width, channel) from -1 to 1 as whole levels from 0 to 255."""
    levels: Levels = ((image + 1) * 127.5).round().int().tolist()
    return levels
