"""Running only a circuit: every node outside it is set to its mean. Many circuits go through the model in one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.circuits.basis import Basis, Dictionary
from sparse_circuits.circuits.scores import SiteMeans
from sparse_circuits.config import Site
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import Edit
from sparse_circuits.tasks import PairBatch, logit_difference


@dataclass(frozen=True)
class Circuit:
    """The nodes that are kept: for each site a mask (width,) over its features, and whether error nodes are kept."""

    features: Mapping[Site, Tensor]
    errors: bool


@torch.no_grad()
def run_circuits(
    language: Language,
    groups: Sequence[tuple[list[int], PairBatch]],
    basis: Basis,
    means: Mapping[Site, SiteMeans],
    circuits: Sequence[Circuit],
    batch_tokens: int,
) -> Tensor:
    """Return the metric of each circuit on the clean prompt of each pair: (circuit, pair).

    All sites are ablated in the one pass, so that later sites see what earlier ones have become. The separator at
    position 0 is left as it is: it is an attention sink, which no autoencoder is trained on, and says nothing of the
    prompt. `batch_tokens` bounds the tokens of one pass, over all circuits in it.
    """
    result = torch.zeros(len(circuits), sum(len(indices) for indices, _ in groups))
    first = next(iter(basis))
    for indices, group in groups:
        group = group.to(language.device)
        start = run(language, group.clean, read=[first]).activations[first] if first.kind == "resid_post" else None
        size = max(1, batch_tokens // group.clean.numel())
        for begin in tqdm(range(0, len(circuits), size), desc="run circuits", unit="batch", disable=None):
            part = circuits[begin : begin + size]
            n = len(part)
            edits = {
                site: _ablating(dictionary, means[site], [c.features[site] for c in part], [c.errors for c in part])
                for site, dictionary in basis.items()
            }
            tokens = group.clean.repeat(n, 1)
            if start is not None:
                # No circuit changes anything before the first site: begin there, with its ablation already done.
                hidden = edits.pop(first)(start.repeat(n, 1, 1))
                logits = run(language, tokens, start=(first, hidden), edit=edits, logits="last").logits
            else:
                logits = run(language, tokens, edit=edits, logits="last").logits
            assert logits is not None
            metric = logit_difference(logits[:, -1], group.repeat(n))
            result[begin : begin + n, indices] = metric.unflatten(0, (n, len(group))).cpu()
    return result


def _ablating(dictionary: Dictionary, means: SiteMeans, masks: list[Tensor], errors: list[bool]) -> Edit:
    """Return the edit of activations (circuit * pair, position, d) that ablates what each circuit leaves out.

    Writing is linear, so the features left out are taken off and their means put in without touching the others: the
    means once for each circuit and position, whatever the number of pairs.
    """

    def edit(x: Tensor) -> Tensor:
        mean_features, mean_error = (mean[1:].to(x.device) for mean in means.at(x.shape[1]))
        left_out = ~torch.stack(masks).to(x.device)
        prompt = x[:, 1:].unflatten(0, (len(masks), -1))
        removed, explained = (part.view_as(prompt) for part in dictionary.read_parts(prompt.flatten(1, 2), left_out))
        filled = dictionary.write(mean_features * left_out[:, None, :]).unsqueeze(1)
        edited = prompt - removed + filled
        if dictionary.has_error and not all(errors):
            no_error = ~torch.tensor(errors, device=x.device)
            edited = edited + no_error[:, None, None, None] * (mean_error - (prompt - explained))
        return torch.cat([x[:, :1], edited.flatten(0, 1)], dim=1)

    return edit
