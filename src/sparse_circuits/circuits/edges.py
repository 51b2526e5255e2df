"""Edges between the kept nodes of neighbouring sites: what an upstream node's change does to the metric through one
downstream feature (Marks et al. 2024, appendix A.1)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.circuits.attribution import METHODS, SiteGradient
from sparse_circuits.circuits.basis import Features
from sparse_circuits.config import Site
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import standing
from sparse_circuits.tasks import PairBatch

Edge = tuple[str, str, float]  # source id, target id, weight


def feature_edges(
    language: Language,
    batch: PairBatch,
    basis: Mapping[Site, Features],
    nodes: Mapping[Site, Sequence[int]],
    method: str,
    steps: int,
) -> list[Edge]:
    """Return the edges into every kept feature from the kept features, and the error node, of the site before.

    weight(u -> d) = mean over pairs of the sum over positions of dm/dd · dd/du · (u_patch - u_clean), in units of the
    metric. dm/dd is averaged by `method` as for the scores; dd/du is taken on the clean run, for the linear part of d,
    at the positions where d is active in either run. Only the residual stream is cut at both sites, so whatever lies
    between them, attention and MLP, is part of the edge.
    """
    batch = batch.to(language.device)
    found = METHODS[method](language, batch, list(basis), steps)
    pairs = [(up, down) for up, down in pairwise(basis) if nodes[up] and nodes[down]]
    edges: list[Edge] = []
    with tqdm(total=sum(len(nodes[down]) for _, down in pairs), desc="edges", unit="node", disable=None) as progress:
        for up, down in pairs:
            x_up = found[up].clean.clone().requires_grad_()
            x_down = run(language, batch.clean, **standing(up, x_up), read=[down]).activations[down]
            if not x_down.requires_grad:
                # In a layer whose attention and MLP run in parallel (GPT-NeoX), neither reads the other.
                progress.update(len(nodes[down]))
                continue
            change, unexplained = _change(basis[up], found[up])
            for feature in nodes[down]:
                pulled = _pull(basis[down], found[down], feature)
                (gradient,) = torch.autograd.grad(x_down, x_up, pulled, retain_graph=True, materialize_grads=True)
                kept = gradient @ basis[up].sae.W_dec[list(nodes[up])].T
                weights = (kept * change[..., list(nodes[up])]).sum(dim=1).mean(dim=0).tolist()
                target = f"{down}/{feature}"
                edges += [(f"{up}/{u}", target, w) for u, w in zip(nodes[up], weights, strict=True)]
                edges.append((f"{up}/error", target, (gradient * unexplained).sum(dim=(1, 2)).mean().item()))
                progress.update()
    return edges


@torch.no_grad()
def _change(dictionary: Features, found: SiteGradient) -> tuple[Tensor, Tensor]:
    """Features' and error's change from clean to patch."""
    change = dictionary.read(found.patch) - dictionary.read(found.clean)
    return change, found.patch - found.clean - dictionary.write(change)


@torch.no_grad()
def _pull(dictionary: Features, found: SiteGradient, feature: int) -> Tensor:
    """dm/dd · dd/dx at the feature's site, (pair, position, d)."""
    sae = dictionary.sae
    active = (dictionary.read(found.clean)[..., feature] != 0) | (dictionary.read(found.patch)[..., feature] != 0)
    downstream = (found.gradient @ sae.W_dec[feature]) * active
    return downstream.unsqueeze(2) * sae.W_enc[:, feature]
