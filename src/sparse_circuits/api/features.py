"""Features of an autoencoder on a prompt: which are active, and the model with some of them multiplied."""

from collections.abc import Mapping, Sequence

import torch

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Features, Node
from sparse_circuits.circuits.dictionaries import features_of, site_of
from sparse_circuits.config.site import Site
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.models.load import Model
from sparse_circuits.sae.autoencoder import SparseAutoencoder


@torch.no_grad()
def active_features(model: Model, prompt: str, sae: SparseAutoencoder, count: int = 5) -> list[list[tuple[str, float]]]:
    """Return, for each token of `prompt`, the ids of the features of `sae` that are most active, and how much.

    Raises StudyError for a transcoder, and for an autoencoder of another model.
    """
    site, features = _features(model, sae)
    read = model.activations(torch.tensor([model.encode(prompt)]), [site])[site][0, 1:]
    top = features.read(read).topk(count)
    rows = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    return [[(Node(site, index).id, value) for index, value in zip(*row, strict=True) if value > 0] for row in rows]


def rewritten(model: Model, saes: Sequence[SparseAutoencoder], factors: Mapping[str, float]) -> Model:
    """Return the model whose features are multiplied: {"resid_post.24/468": 0.0} ablates one.

    Raises StudyError for a feature that no one of `saes` has, and for an autoencoder of another model.
    """
    basis: Basis = dict(_features(model, sae) for sae in saes)
    return model.changed(rewrite_nodes(basis, {_node(name): Rewriting(factor) for name, factor in factors.items()}))


def _features(model: Model, sae: SparseAutoencoder) -> tuple[Site, Features]:
    name = f"this {sae.architecture} autoencoder"
    if sae.is_transcoder:
        raise StudyError(f"{name} reads one site and writes another; only autoencoders' features can be read")
    site = site_of(sae, name)
    return site, features_of(model, site, sae, name)


def _node(name: str) -> Node:
    try:
        return Node.parse(name)
    except ValueError:
        raise StudyError(f"{name!r} is no feature; write its site and number, as in resid_post.24/468") from None
