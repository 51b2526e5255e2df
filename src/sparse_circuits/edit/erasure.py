"""Concept erasure: what tells the clean prompts of a task from the patch prompts is taken out of activations.

LEACE is the smallest affine change after which no linear classifier does better than chance (Belrose et al. 2023,
arXiv 2306.03819); the mean difference takes out the direction between the two means. Both by `concept-erasure`, the
library of LEACE's authors.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from sparse_circuits.config.site import Site
from sparse_circuits.models.intervention import beyond_separator
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, run
from sparse_circuits.tasks.pairs import Groups

Erasure = Literal["leace", "mean_difference"]


@torch.no_grad()
def erase(model: Model, groups: Groups, sites: Sequence[Site], method: Erasure) -> dict[Site, Edit]:
    """Return the intervention that erases at each site what tells the two prompts of a task's pairs apart.

    Fitted on the activations from the first token that differs in a pair to the last (of images, on those of all
    patches), site after site with the earlier ones erased.
    """
    # Takes seconds to import, for it brings transformers along.
    from concept_erasure import LeaceEraser

    edits: dict[Site, Edit] = {}
    for site in sorted(sites, key=lambda one: one.order):
        rows, labels = [], []
        for _, batch in groups:
            batch = batch.to(model.device)
            if model.sees:
                differs = torch.arange(model.positions(batch.clean, site)).expand(len(batch), -1) > 0
            else:
                differs = (batch.clean != batch.patch).cumsum(dim=1) > 0
            for label, tokens in ((1.0, batch.clean), (0.0, batch.patch)):
                x = run(model, tokens, read=[site], edit=edits).activations[site][differs]
                rows.append(x)
                labels.append(x.new_full((len(x), 1), label))
        fitted = LeaceEraser.fit(
            torch.cat(rows).double(), torch.cat(labels).double(), method="leace" if method == "leace" else "orth"
        )
        edits[site] = _apply(fitted.P.float(), fitted.bias)
    return edits


def _apply(projection: Tensor, centre: Tensor | None) -> Edit:
    centred = torch.zeros(len(projection)) if centre is None else centre.float()
    return beyond_separator(lambda x: (x - centred.to(x.device)) @ projection.T.to(x.device) + centred.to(x.device))
