"""What chosen channels of a model of images do: how far each is above its mean, image by image and place by place."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sparse_circuits.artefacts.interpretation import NodeDescription
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.site import Site
from sparse_circuits.interpret.firing import HELD_OUT, Firing
from sparse_circuits.interpret.images import describe_on_images
from sparse_circuits.models.load import Model
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.models.run import run
from sparse_circuits.sources.images import ImageSplit

IMAGES = 8  # in one pass


@torch.no_grad()
def read_channels(
    model: Model, images: ImageSplit, classes: int, channels: Mapping[Site, Iterable[int]]
) -> dict[Site, Firing]:
    """Run the model on images and return what channels do at each site.

    A channel has both signs, and a mean that is not 0. What is told of it is how far it is above its mean over all
    images and places, and 0 below.
    """
    values: dict[Site, list[NDArray[np.float32]]] = {site: [] for site in channels}
    tokens = torch.from_numpy(to_tokens(images.images, images.labels, classes)).long()
    for part in Progress(tokens.split(IMAGES), desc="describe channels", unit="batch"):
        found = run(model, part.to(model.device), read=list(channels)).activations
        for site, chosen in channels.items():
            values[site].append(found[site][..., list(chosen)].permute(2, 0, 1).cpu().numpy())
    judged = np.arange(len(tokens)) % HELD_OUT == 0
    result = {}
    for site, parts in values.items():
        whole = np.concatenate(parts, axis=1)
        cached = np.ones(whole.shape[1:], dtype=bool)
        cached[:, 0] = False  # the empty position
        above = (whole - whole[:, cached].mean(axis=1)[:, None, None]).clip(min=0) * cached
        result[site] = Firing(tokens.numpy().astype(np.int32), images.rows.astype(np.int32), cached, above, judged)
    return result


def describe_channels(
    model: Model, site: Site, channels: Sequence[int], firing: Firing, count: int
) -> list[NodeDescription]:
    """Return one description a channel, as `describe_on_images` does; what each promotes is told in the last layer."""
    # Only what the last layer writes is read by the unembedding as it is.
    is_last = site.layer == model.num_layers - 1
    written = torch.eye(model.width(site))[channels] if is_last else None
    return describe_on_images(model, site, written, channels, firing, model.grid(site), count)
