"""Exact patching: what the metric does when one node alone is set to what it is in the patch run. The reference.

One forward pass a node, where the other methods take one backward pass for all (activation patching; Marks et al. 2024,
section 3.1, call it the indirect effect).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_circuits.circuits.basis import Dictionary
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import rows_at_a_time
from sparse_circuits.models.run import run, standing
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch

ERROR = -1  # in place of a node's number


@torch.no_grad()
def exact_effects(
    model: Model, batch: PairBatch, site: Site, dictionary: Dictionary, nodes: Sequence[int], batch_tokens: int
) -> Tensor:
    """Return the metric's change on the clean run of each pair by patching each node, at all positions: (pair, node).

    `nodes` are numbers of nodes; ERROR is what reading and writing lose. `batch_tokens` bounds the tokens of one
    pass, over all nodes in it.
    """
    source = dictionary.reads or site
    runs = [run(model, tokens, read=list({source, site})).activations for tokens in (batch.clean, batch.patch)]
    clean, patch = (found[site] for found in runs)
    change = dictionary.read(runs[1][source]) - dictionary.read(runs[0][source])
    unexplained = patch - clean - dictionary.write(change)
    rows = min(batch_tokens // model.positions(batch.clean, site), rows_at_a_time(model))
    size = max(1, rows // len(batch))
    metrics = []
    for part in torch.tensor(nodes).split(size):
        moved = torch.cat([clean + _written(dictionary, change, unexplained, node) for node in part.tolist()])
        metrics.append(_metric(model, batch.repeat(len(part)), site, moved).unflatten(0, (len(part), -1)))
    return torch.cat(metrics).T - _metric(model, batch, site, clean).unsqueeze(1)


def _metric(model: Model, batch: PairBatch, site: Site, x: Tensor) -> Tensor:
    return logit_difference(run(model, batch.clean, **standing(site, x), logits="last").logits[:, -1], batch)


def _written(dictionary: Dictionary, change: Tensor, unexplained: Tensor, node: int) -> Tensor:
    if node == ERROR:
        return unexplained
    alone = torch.zeros_like(change)
    own = slice(node * dictionary.group, (node + 1) * dictionary.group)
    alone[..., own] = change[..., own]
    return dictionary.write(alone)
