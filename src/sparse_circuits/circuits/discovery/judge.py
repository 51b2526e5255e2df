"""How well circuits hold: the metric with every feature outside a circuit at its mean, at all sites in one pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.discovery.descriptions import Autoencoders
from sparse_circuits.circuits.discovery.tokens import Targets, log_odds
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import last_site, rows_at_a_time
from sparse_circuits.models.run import Edit, run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.sparse import Pairs, decode


@torch.no_grad()
def run_circuits_on(
    model: Model,
    saes: Autoencoders,
    targets: Targets,
    mean: Tensor,
    circuits: Tensor,
    jobs: Sequence[tuple[int, int]],
    batch_tokens: int,
) -> Tensor:
    """Return the log odds of each job's (circuit, target) with only that circuit's features: (job,).

    `circuits` (circuit, feature) are masks over the features of all sites; the others become their `mean` (feature,).
    Error nodes and decoders' biases stay, and so does the separator at position 0. Each target is run up to its own
    position, jobs of like length together.
    """
    result = torch.zeros(len(jobs))
    order = sorted(range(len(jobs)), key=lambda job: (int(targets.position[jobs[job][1]]), jobs[job][1]))
    with Progress(total=len(jobs), desc="judge circuits", unit="run") as bar:
        while order:
            length = int(targets.position[jobs[order[-1]][1]]) + 1
            size = max(1, min(batch_tokens // length, rows_at_a_time(model)))
            part, order = order[-size:], order[:-size]
            circuit, target = (torch.tensor(column) for column in zip(*(jobs[job] for job in part), strict=True))
            result[part] = _run(
                model, saes, targets, mean.to(model.device), circuits[circuit].to(model.device), target
            ).cpu()
            bar.update(len(part))
    return result


def _run(model: Model, saes: Autoencoders, targets: Targets, mean: Tensor, masks: Tensor, target: Tensor) -> Tensor:
    """The log odds of each row's target (row,) under its mask (row, feature)."""
    device = model.device
    position = targets.position[target].to(device)
    # What comes before the first site is the same for all circuits: computed once a target.
    distinct, place = target.unique(return_inverse=True)
    prompts = targets.tokens[targets.window[distinct], : int(position.max()) + 1].to(device)
    first = next(iter(saes))
    widths = [sae.width for sae in saes.values()]
    parts = zip(saes.items(), mean.split(widths), masks.split(widths, dim=1), strict=True)
    edits = {site: _ablating(sae, filling, kept) for (site, sae), filling, kept in parts}
    ablated = edits.pop(first)(run(model, prompts, read=[first]).activations[first][place.to(device)])
    start = (first, ablated) if first.kind == "resid_post" else None
    if start is None:
        edits[first] = lambda _: ablated
    last = last_site(model)
    if first == last:
        hidden = ablated
    else:
        hidden = run(model, prompts[place.to(device)], read=[last], edit=edits, start=start).activations[last]
    rows = torch.arange(len(target), device=device)
    return log_odds(model, hidden[rows, position], targets.answer[target].to(device))


def _ablating(sae: SparseAutoencoder, mean: Tensor, kept: Tensor) -> Edit:
    """The edit of activations (row, position, d) that sets features outside `kept` (row, width) to `mean` (width,).

    Writing is linear: what those features write is taken off, and what their means write put in.
    """

    def edit(x: Tensor) -> Tensor:
        values, indices = sae.encode_sparse(x[:, 1:])
        left_out = ~kept.gather(1, indices.flatten(1)).view_as(indices)
        pairs = Pairs.of(indices.flatten(0, 1), sae.width)
        removed = decode((values * left_out).flatten(), pairs, sae.W_dec).view_as(x[:, 1:])
        filled = (mean * ~kept) @ sae.W_dec
        return torch.cat([x[:, :1], x[:, 1:] - removed + filled[:, None]], dim=1)

    return edit
