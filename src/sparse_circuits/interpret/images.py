"""What features of a vision model do: the images and patches on which they are active, and the classes of these."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sparse_circuits.artefacts.interpretation import ActivatingImage, ActivationRange, NodeDescription
from sparse_circuits.base.wording import rounded
from sparse_circuits.circuits.promoted import COUNT
from sparse_circuits.config.site import Site
from sparse_circuits.interpret.firing import Firing
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import promoted_tokens
from sparse_circuits.models.texts import token_texts

MOST = 2.0  # times a class' share of the images, from which the label names it
NAMED = 3  # classes in a label, at most
WHERE = 0.6  # share of the activation in a third of the image, from which the label names it
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


def describe_on_images(
    model: Model,
    site: Site,
    written: Tensor | None,
    features: Sequence[int],
    firing: Firing,
    grid: tuple[int, int],
    count: int,
) -> list[NodeDescription]:
    """Return one description a feature, whose row of `firing` is its place in `features`.

    `classes` are shares of the activation, `top` the `count` images with the largest activation of a patch, each with
    its row in images.h5, its class and the activation of every patch, row by row of `grid` (rows, columns). Held-out
    images are in neither; `held_out` has their shares, for whoever doubts a label. `written` (feature, d_model) is what
    each writes to the stream that the unembedding reads; without it no classes promoted are told.
    """
    tokens: tuple[Tensor, ...] = ()
    if written is not None:
        tokens = promoted_tokens(model, written.to(model.device), COUNT)
    names = token_texts(model.tokenizer, firing.token_id[:, -1].tolist())
    classes = sorted(set(names))
    of_class = np.array([classes.index(name) for name in names])
    result = []
    for row, index in enumerate(features):
        # The places of the grid come last, after a register, a separator or a class token.
        values = firing.values[row][:, -grid[0] * grid[1] :]
        learnt = values * ~firing.judged[:, None]
        strongest = learnt.max(axis=1)
        shares = _shares(learnt, of_class, len(classes))
        active = int((values > 0).sum())
        note: dict[str, Any] = {
            "label": "never active on the images described",
            "density": rounded(active / firing.tokens),
            "active_tokens": active,
            **{
                name: token_texts(model.tokenizer, ids[row].tolist())
                for name, ids in zip(("promotes", "suppresses"), tokens, strict=False)
            },
        }
        if strongest.any():
            usual = np.bincount(of_class[~firing.judged], minlength=len(classes)) / (~firing.judged).sum()
            held_out = _shares(values * firing.judged[:, None], of_class, len(classes))
            places = learnt.sum(axis=0).reshape(grid)
            note |= {
                "label": image_label(classes, shares, usual, places),
                "activation": ActivationRange(mean=rounded(values[values > 0].mean()), max=rounded(values.max())),
                "classes": {name: rounded(share) for name, share in zip(classes, shares, strict=True)},
                "held_out": {name: rounded(share) for name, share in zip(classes, held_out, strict=True)},
                "top": [
                    ActivatingImage(
                        image=int(firing.document[image]),
                        of=names[image],
                        activations=[rounded(value) for value in values[image]],
                    )
                    for image in np.argsort(-strongest, kind="stable")[:count].tolist()
                    if strongest[image]
                ],
            }
        result.append(NodeDescription(id=f"{site}/{index}", **note))
    return result


def image_label(
    classes: Sequence[str], shares: NDArray[np.float64], usual: NDArray[np.float64], places: NDArray[np.float64]
) -> str:
    """Return what was counted as words: classes that have more of the activation than of the images, and where it is.

    `shares` and `usual` are shares of the activation and of the images (class,); `places` is the activation of every
    patch (row, column).
    """
    much = [number for number in np.argsort(-shares).tolist() if shares[number] >= MOST * usual[number]]
    words = [", ".join(f"{classes[number]} {shares[number]:.0%}" for number in much[:NAMED]) or "no class above others"]
    for axis, thirds in ((1, ROWS), (0, COLUMNS)):
        along = places.sum(axis=axis)
        parts = [part.sum() / along.sum() for part in np.array_split(along, len(thirds))]
        if max(parts) >= WHERE:
            words.append(f"{thirds[int(np.argmax(parts))]} ({max(parts):.0%})")
    return "; ".join(words)


def _shares(values: NDArray[np.float32], of_class: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Each class' share of the activation (image, patch): (class,), all 0 where there is none."""
    sums = np.bincount(of_class, weights=values.sum(axis=1, dtype=np.float64), minlength=classes)
    return np.asarray(sums / (sums.sum() or 1.0))
