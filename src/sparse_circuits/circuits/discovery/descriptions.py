"""Each token as a sparse vector: how much every feature adds to the log odds of that token.

Gradient x (activation - mean), which estimates what setting the feature to its mean costs (attribution patching, Nanda
2023, with the mean for a counterfactual), with gradients by the rules of RelP (Jafari et al. 2025, arXiv 2508.21258).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.discovery.tokens import Targets, log_odds
from sparse_circuits.config.site import Site
from sparse_circuits.models.linearised import linearised
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import last_site, rows_at_a_time
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder, load_autoencoder
from sparse_circuits.sae.sparse import Pairs, products_at

Autoencoders = Mapping[Site, SparseAutoencoder]  # in the order of the computation


def load_autoencoders(model: Model, sites: Sequence[str], folders: Sequence[Path]) -> Autoencoders:
    """Load each site's autoencoder; raise StudyError when one does not fit its site or reconstructs no site."""
    saes: dict[Site, SparseAutoencoder] = {}
    for name, folder in zip(sites, folders, strict=True):
        site = Site.parse(name)
        sae = load_autoencoder(folder, name, model.width(site))
        if sae.is_transcoder:
            raise StudyError(f"{folder}: a {sae.architecture} does not reconstruct {site}; name an autoencoder")
        saes[site] = sae.to(model.device)
    return saes


Means = Mapping[Site, Tensor]  # of each site's features (width,)
MEAN_WINDOWS = 128  # over whose tokens features are averaged


@dataclass(frozen=True)
class Descriptions:
    """What is known of each target.

    `feature` and `attribution` (target, kept): the features of all sites, numbered one site after the other, whose
    attributions summed over positions are largest in size, and these, in units of the metric. `log_odds` (target,).
    `drive` (target, position): the features' gradient x activation at the first site, summed over features. `mean`
    (feature,) is the mean of every feature, which stands in for what is ablated.
    """

    feature: Tensor
    attribution: Tensor
    log_odds: Tensor
    drive: Tensor
    mean: Tensor


def describe(
    model: Model, saes: Autoencoders, targets: Targets, means: Means, kept: int, batch_tokens: int
) -> Descriptions:
    """Describe all targets, by how far each feature is from its mean.

    Windows are batched; a backward pass takes one target of each window, so gradients of two targets never mix, and
    all passes share the forward one. Windows with as many targets share a batch, so that few passes have idle rows.
    """
    context = targets.tokens.shape[1] - 1
    kept = min(kept, sum(sae.width for sae in saes.values()))
    feature = torch.zeros(len(targets), kept, dtype=torch.int64)
    attribution, drive = torch.zeros(len(targets), kept), torch.zeros(len(targets), context)
    metric = torch.zeros(len(targets))
    owned = [(targets.window == window).nonzero().flatten().tolist() for window in range(len(targets.tokens))]
    order = sorted(range(len(owned)), key=lambda window: -len(owned[window]))
    size = max(1, min(batch_tokens // context, rows_at_a_time(model)))
    sites = list(saes)
    # In blocks whose attention and MLP stand side by side, one site may not follow from the one before.
    begun = dict.fromkeys(sites, lambda x: x if x.requires_grad else x.detach().requires_grad_())
    with linearised(model), Progress(total=len(targets), desc="describe", unit="token") as bar:
        for begin in range(0, len(order), size):
            windows = order[begin : begin + size]
            tokens = targets.tokens[windows, :-1].to(model.device)
            reading = [*sites, last_site(model)]
            found = run(model, tokens, read=reading, edit=begun)
            coded = {site: _encode(sae, found.activations[site]) for site, sae in saes.items()}
            for turn in range(len(owned[windows[0]])):
                rows = [row for row, window in enumerate(windows) if turn < len(owned[window])]
                chosen = [owned[windows[row]][turn] for row in rows]
                hidden = found.activations[reading[-1]][rows, targets.position[chosen]]
                value = log_odds(model, hidden, targets.answer[chosen].to(model.device))
                gradients = torch.autograd.grad(value.sum(), [found.activations[s] for s in sites], retain_graph=True)
                with torch.no_grad():
                    parts = [
                        _attribute(sae, *coded[site], means[site], gradient)
                        for (site, sae), gradient in zip(saes.items(), gradients, strict=True)
                    ]
                    summed = torch.cat([by_feature for by_feature, _ in parts], dim=1)[rows]
                    largest = summed.abs().topk(kept, dim=1).indices
                    feature[chosen], attribution[chosen] = largest.cpu(), summed.gather(1, largest).cpu()
                    drive[chosen, 1:] = parts[0][1][rows].cpu()
                    metric[chosen] = value.cpu()
                bar.update(len(rows))
    return Descriptions(feature, attribution, metric, drive, torch.cat([mean.cpu() for mean in means.values()]))


@torch.no_grad()
def _encode(sae: SparseAutoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    """Values and indices (window, position - 1, k) of active features. The separator, an attention sink, has none."""
    return sae.encode_sparse(x[:, 1:])


def _attribute(
    sae: SparseAutoencoder, values: Tensor, indices: Tensor, mean: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """Attributions summed over positions (window, width); gradient x activation over features (window, position)."""
    windows = len(values)
    gradient = gradient[:, 1:]
    pairs = Pairs.of(indices.flatten(0, 1), sae.width)
    slope = products_at(pairs, gradient.flatten(0, 1).contiguous(), sae.W_dec).view_as(values)
    single = values * slope
    places = (indices + sae.width * torch.arange(windows, device=indices.device)[:, None, None]).flatten()
    summed = single.new_zeros(windows * sae.width).index_add(0, places, single.flatten()).view(windows, -1)
    # The mean is taken off at every position, active or not.
    return summed - mean * (gradient.sum(dim=1) @ sae.W_dec.T), single.sum(dim=2)


@torch.no_grad()
def feature_means(model: Model, saes: Autoencoders, targets: Targets, batch_tokens: int) -> Means:
    """Return the mean of each feature over the tokens of the first training windows, separators left out."""
    windows = targets.window[~targets.held_out].unique()[:MEAN_WINDOWS]
    sums = {site: torch.zeros(sae.width, dtype=torch.float64, device=model.device) for site, sae in saes.items()}
    tokens = targets.tokens[windows, :-1].to(model.device)
    for part in tokens.split(max(1, batch_tokens // tokens.shape[1])):
        activations = run(model, part, read=list(saes)).activations
        for site, sae in saes.items():
            values, indices = _encode(sae, activations[site])
            sums[site].index_add_(0, indices.flatten(), values.flatten().double())
    count = len(tokens) * (tokens.shape[1] - 1)
    return {site: (total / count).float() for site, total in sums.items()}
