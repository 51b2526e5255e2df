"""What a spurious cue costs a model, and how much an edit brings back: accuracy by class, with the cue and without."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sparse_circuits.artefacts.edit_evaluation import Judgement
from sparse_circuits.config.cue import Cue
from sparse_circuits.edit.measure import Variant
from sparse_circuits.models.cues import plant
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.models.run import run

BATCH = 250  # images in one pass


def cue_accuracies(
    variants: Mapping[str, Variant],
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    cue: Cue,
) -> dict[str, Judgement]:
    """Return for each variant the accuracy on images (image, height, width, channel), of which each is seen twice.

    `accuracy`: all without the cue; `accuracy_as_trained`: the cue on its class alone; `accuracy_swapped`: on all other
    classes, and not on its own; `worst_group`: the least accuracy of a class with or without the cue; `groups`: all of
    these. `recovered` is the part of what the cue cost the first variant, its accuracy less its swapped accuracy, that
    a variant's swapped accuracy has back.
    """
    own = labels == classes.index(cue.of)
    found: dict[str, Judgement] = {}
    first: tuple[float, float] | None = None
    for name, variant in variants.items():
        without = _right(variant, to_tokens(images, labels, len(classes)))
        with_cue = _right(variant, to_tokens(plant(images, cue), labels, len(classes)))
        groups = {
            one: {"without": float(without[here].mean()), "with": float(with_cue[here].mean())}
            for number, one in enumerate(classes)
            if (here := labels == number).any()
        }
        accuracy, swapped = float(without.mean()), float(np.where(own, without, with_cue).mean())
        first = first or (accuracy, swapped)
        cost = first[0] - first[1]
        found[name] = {
            "accuracy": accuracy,
            "accuracy_as_trained": float(np.where(own, with_cue, without).mean()),
            "accuracy_swapped": swapped,
            "worst_group": min(value for group in groups.values() for value in group.values()),
            "groups": groups,
            "recovered": (swapped - first[1]) / cost if cost else 0.0,
        }
    return found


@torch.no_grad()
def _right(variant: Variant, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
    """1 where the class, the last of the tokens (image, 2 + pixels), has the largest logit: (image,)."""
    right = []
    for part in torch.from_numpy(tokens).long().split(BATCH):
        part = part.to(variant.model.device)
        logits = run(variant.model, part, edit=variant.intervention, logits="last").logits
        right.append((logits[:, -1].argmax(dim=1) == part[:, -1]).double().cpu())
    return np.asarray(torch.cat(right).numpy())
