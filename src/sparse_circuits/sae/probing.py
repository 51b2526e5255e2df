"""How well few features tell what all of the activation tells: k-sparse probing.

Gurnee et al. 2023 (arXiv 2305.01610), as SAEBench does it: the k features whose means over the two classes differ most
on the training prompts, and a logistic regression on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.artefacts.sae_probing import VariableProbes
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.logistic import fit_probe
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import encode_pairs


@dataclass(frozen=True)
class Labelled:
    """Activations (row, d_in) and a label (row,) of 0 and 1."""

    x: Tensor
    label: Tensor


def two_valued(train: Sequence[Pair], test: Sequence[Pair]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the pairs' variables that take the same two values in both splits, as labels (pair,) of 0 and 1.

    In agreement tasks these are the numbers of subject, attractor or head: 1 for singular, 0 for plural.
    """
    found = {}
    for name in train[0].variables:
        columns = [[str(pair.variables.get(name)) for pair in pairs] for pairs in (train, test)]
        values = sorted(set(columns[0]))
        if len(values) == 2 and set(columns[1]) == set(values):
            first, second = (torch.tensor([values.index(value) for value in column]) for column in columns)
            found[name] = (first, second)
    return found


@torch.no_grad()
def last_activations(model: Model, pairs: list[Pair], site: Site, batch: int) -> Tensor:
    """Return the activations of the clean prompts at their last token: (pair, d_in)."""
    result = torch.empty(len(pairs), model.width(site))
    for indices, encoded in encode_pairs(pairs, model.tokenizer, model.separator_id):
        parts = [
            run(model, tokens.to(model.device), read=[site]).activations[site][:, -1]
            for tokens in encoded.clean.split(batch)
        ]
        result[indices] = torch.cat(parts).cpu()
    return result


def mean_differences(features: Tensor, labels: Tensor) -> Tensor:
    """Return by how much each feature's mean over rows with a label exceeds that over the others: (label, d_sae).

    features (row, d_sae), labels (row, label) of 0 and 1, each of which both occur.
    """
    with_label, others = labels.to(features), 1 - labels.to(features)
    return (with_label / with_label.sum(dim=0)).T @ features - (others / others.sum(dim=0)).T @ features


@torch.no_grad()
def probe_features(sae: SparseAutoencoder, train: Labelled, test: Labelled, ks: Sequence[int]) -> VariableProbes:
    """Return, on test rows, the accuracy of probes of the k best features, for each of `ks`.

    Beside it stand the same probe of the activation itself (`dense`), which is the ceiling, and the accuracy of naming
    the class that is more frequent in training (`majority`). `features` are the candidates, the best first.

    Raises StudyError when a probe is to have more features than there are.
    """
    if max(ks) > sae.width:
        raise StudyError(f"probing.ks: {max(ks)} features a probe, but the autoencoder has {sae.width}")
    x, features = (train.x, test.x), (sae.encode(train.x), sae.encode(test.x))
    labels = train.label.unsqueeze(1)
    best = mean_differences(features[0], labels).squeeze(0).abs().topk(max(ks)).indices

    def accuracy(fitted: Tensor, judged: Tensor) -> float:
        says = fit_probe(fitted, train.label).scores(judged) > 0
        return (says == (test.label == 1)).double().mean().item()

    majority = int(2 * int(labels.sum()) >= len(labels))
    return VariableProbes(
        train=len(train.label),
        test=len(test.label),
        majority=(test.label == majority).double().mean().item(),
        dense=accuracy(*x),
        ks=list(ks),
        sparse=[accuracy(features[0][:, best[:k]], features[1][:, best[:k]]) for k in ks],
        features=best.tolist(),
    )
