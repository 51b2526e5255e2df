"""Features by what they promote: those among whose most promoted tokens is one of some keywords."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Basis
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import promoted_tokens

PROMOTED = 10


def promoting(model: Model, basis: Basis, keywords: Sequence[str]) -> dict[Site, Tensor]:
    """Return for each site which features promote a keyword: masks (width,). Case and leading spaces do not count."""
    wanted = {word.strip().lower() for word in keywords}
    ids = [i for i, text in enumerate(model.tokenizer.batch_decode([[i] for i in range(len(model.tokenizer))]))
           if text.strip().lower() in wanted]  # fmt: skip
    found = {}
    for site, dictionary in basis.items():
        rows = dictionary.write(torch.eye(dictionary.width, device=model.device))
        promoted, _ = promoted_tokens(model, rows, PROMOTED)
        found[site] = torch.isin(promoted.cpu(), torch.tensor(ids)).any(dim=1)
    return found
