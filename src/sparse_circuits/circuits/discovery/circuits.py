"""A circuit for every cluster: the features with the largest mean attribution, judged on other members."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.discovery.clusters import Clusters
from sparse_circuits.circuits.discovery.descriptions import Autoencoders, Descriptions
from sparse_circuits.circuits.discovery.judge import run_circuits_on
from sparse_circuits.circuits.discovery.tokens import Targets
from sparse_circuits.circuits.faithfulness import faithfulness
from sparse_circuits.circuits.matched_random import matched_random
from sparse_circuits.config.discover_circuits import DiscoverCircuits
from sparse_circuits.models.load import Model

FEWEST = 3  # members, in training and held out, of a cluster that is given a circuit


@dataclass(frozen=True)
class ClusterCircuit:
    """A circuit and how well it holds.

    `train` and `held_out` are the cluster's targets; `judged` are the held-out ones it was run on. `features` and
    `scores` are the circuit's at its largest size, by falling |mean attribution|. Faithfulness is (m(C) - m(0)) /
    (m(M) - m(0)), of each size: m the mean metric of the judged members, M the model, C the circuit, 0 all features at
    their means; error nodes are kept in all three (Marks et al. 2024, section 3.2, have none in 0). `model` and `empty`
    are m(M) and m(0). `random` is the faithfulness of random circuits with as many features at each site. `purity` is
    the mean cosine of all held-out members with the cluster's centroid; `sparsity` the area under faithfulness, cut to
    0..1, over log size.
    """

    cluster: int
    train: list[int]
    held_out: list[int]
    judged: list[int]
    features: list[int]
    scores: list[float]
    faithfulness: list[float]
    random: list[float]
    model: float
    empty: float
    purity: float
    sparsity: float

    @property
    def rank(self) -> float:
        """What clusters are ranked by: purity times sparsity."""
        return self.purity * self.sparsity

    def nodes_at(self, share: float, sizes: Sequence[int]) -> int | None:
        """Return the smallest of the sizes whose faithfulness is at least `share`, if there is one."""
        return next((size for size, value in zip(sizes, self.faithfulness, strict=True) if value >= share), None)


def cluster_circuits(
    model: Model,
    saes: Autoencoders,
    targets: Targets,
    descriptions: Descriptions,
    vectors: csr_array,
    clusters: Clusters,
    settings: DiscoverCircuits,
) -> list[ClusterCircuit]:
    """Find and judge a circuit for each cluster with enough members; return them by falling purity x sparsity.

    `vectors` (target, feature) are the descriptions as a matrix. Each circuit is run on its first held-out
    members. Random circuits are drawn from the features that score anything in the cluster. Raises StudyError when no
    cluster has enough members.
    """
    held_out, sizes = targets.held_out.numpy(), settings.sizes
    generator = torch.Generator().manual_seed(settings.seed)
    site = [number for number, sae in enumerate(saes.values()) for _ in range(sae.width)].__getitem__
    found: list[tuple[int, list[int], list[int], list[int], Tensor]] = []
    masks: list[Tensor] = []
    jobs: list[tuple[int, int]] = []
    for number in np.unique(clusters.label).tolist():
        inside = clusters.label == number
        train, held = (np.flatnonzero(inside & part).tolist() for part in (~held_out, held_out))
        if min(len(train), len(held)) < FEWEST:
            continue
        mean = torch.from_numpy(np.asarray(vectors[train].mean(axis=0)).ravel())
        ranked = mean.abs().argsort(descending=True, stable=True)[: int(mean.count_nonzero())]
        circuits = [_mask(ranked[:0], len(mean))]
        circuits += [_mask(ranked[:size], len(mean)) for size in sizes]
        pool = sorted(ranked.tolist(), key=site)
        random = [matched_random(ranked[:size].tolist(), pool, generator, site) for size in sizes]
        circuits += [_mask(torch.tensor(features, dtype=torch.long), len(mean)) for features in random]
        judged = held[: settings.members]
        jobs += [(len(masks) + number_of, target) for number_of in range(len(circuits)) for target in judged]
        masks += circuits
        found.append((number, train, held, judged, mean))
    if not found:
        raise StudyError(
            f"no cluster has {FEWEST} members in training and {FEWEST} held out; lower discovery.clusters or raise "
            "discovery.tokens"
        )
    run = torch.stack(masks), jobs, settings.batch_tokens
    metric = run_circuits_on(model, saes, targets, descriptions.mean, *run).double()
    result, begin = [], 0
    for number, train, held, judged, mean in found:
        runs = 1 + 2 * len(sizes)
        means = metric[begin : begin + runs * len(judged)].view(runs, -1).mean(dim=1)
        begin += runs * len(judged)
        whole, empty = descriptions.log_odds[judged].double().mean(), means[0]
        share = faithfulness(means[1:], empty, whole).tolist()
        top = mean.abs().argsort(descending=True, stable=True)[: min(max(sizes), int(mean.count_nonzero()))]
        result.append(
            ClusterCircuit(
                cluster=number,
                train=train,
                held_out=held,
                judged=judged,
                features=top.tolist(),
                scores=mean[top].tolist(),
                faithfulness=share[: len(sizes)],
                random=share[len(sizes) :],
                model=whole.item(),
                empty=empty.item(),
                purity=float(clusters.cosine[held].mean()),
                sparsity=_area(share[: len(sizes)], sizes),
            )
        )
    return sorted(result, key=lambda circuit: (-circuit.rank, circuit.cluster))


def _mask(features: Tensor, width: int) -> Tensor:
    return torch.zeros(width, dtype=torch.bool).index_fill(0, features, True)


def _area(faithfulness: Sequence[float], sizes: Sequence[int]) -> float:
    """Mean height of faithfulness, cut to 0..1, over log size; with a single size, that one."""
    heights = np.clip(faithfulness, 0, 1)
    if len(sizes) == 1:
        return float(heights[0])
    places = np.log(sizes)
    return float(np.trapezoid(heights, places) / (places[-1] - places[0]))
