"""Node scores: how much of the metric's change from clean to patch goes through each node, pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.circuits.attribution import METHODS, SiteGradient
from sparse_circuits.circuits.basis import Basis, Dictionary
from sparse_circuits.config import Site
from sparse_circuits.files import publishing
from sparse_circuits.models import Language, run
from sparse_circuits.tasks import PairBatch, logit_difference


@dataclass(frozen=True)
class SiteScores:
    """Scores at one site: `features` (pair, width), `error` (pair,)."""

    features: Tensor
    error: Tensor


@dataclass(frozen=True)
class SiteMeans:
    """Means over the clean and patch prompts, by distance from the last token: `features` (distance, width), `error`
    (distance, d), with the last token at distance 0. They stand in for what is ablated."""

    features: Tensor
    error: Tensor

    def at(self, positions: int) -> tuple[Tensor, Tensor]:
        """Return the means in reading order for prompts of a length: (positions, width) and (positions, d).

        Prompts longer than any in training take the mean of the farthest distance for what is beyond it.
        """
        distance = torch.arange(positions - 1, -1, -1).clamp(max=len(self.features) - 1)
        return self.features[distance], self.error[distance]


@dataclass(frozen=True)
class NodeScores:
    """Scores and means of every site, and the gap metric(patch) - metric(clean) of each pair (pair,)."""

    sites: dict[Site, SiteScores]
    means: dict[Site, SiteMeans]
    gap: Tensor


def score_nodes(
    language: Language,
    groups: Sequence[tuple[list[int], PairBatch]],
    basis: Basis,
    method: str,
    steps: int,
    batch_tokens: int,
) -> NodeScores:
    """Score every node of `basis` on all pairs (grouped by length); `batch_tokens` bounds pairs x positions x steps.

    A node's score is the sum over positions of (patch - clean) x the metric's gradient as `method` averages it.
    """
    sites = list(basis)
    pairs = sum(len(part) for _, part in groups)
    longest = max(part.clean.shape[1] for _, part in groups)
    features = {site: torch.zeros(pairs, basis[site].width) for site in sites}
    errors = {site: torch.zeros(pairs) for site in sites}
    gap = torch.zeros(pairs)
    means: dict[Site, _MeanByDistance] = {}
    work = []
    for indices, whole in groups:
        size = max(1, batch_tokens // (whole.clean.shape[1] * steps))
        work += [(indices[n * size : (n + 1) * size], part) for n, part in enumerate(whole.split(size))]
    for indices, part in tqdm(work, desc=f"attribute ({method})", unit="batch", disable=None):
        part = part.to(language.device)
        with torch.no_grad():
            gap[indices] = (_metric(language, part.patch, part) - _metric(language, part.clean, part)).cpu()
        for site, found in METHODS[method](language, part, sites, steps).items():
            with torch.no_grad():
                scored, clean, patch = _score(basis[site], found)
                features[site][indices], errors[site][indices] = scored.features.cpu(), scored.error.cpu()
                mean = means.setdefault(site, _MeanByDistance(longest, basis[site].width, found.clean.shape[2]))
                mean.add(clean, found.clean - basis[site].write(clean))
                mean.add(patch, found.patch - basis[site].write(patch))
    return NodeScores(
        {site: SiteScores(features[site], errors[site]) for site in sites},
        {site: means[site].result() for site in sites},
        gap,
    )


def _score(dictionary: Dictionary, found: SiteGradient) -> tuple[SiteScores, Tensor, Tensor]:
    clean, patch = dictionary.read(found.clean), dictionary.read(found.patch)
    change = patch - clean
    scores = (change * dictionary.pull(found.gradient)).sum(dim=1)
    unexplained = found.patch - found.clean - dictionary.write(change)
    return SiteScores(scores, (unexplained * found.gradient).sum(dim=(1, 2))), clean, patch


def _metric(language: Language, tokens: Tensor, batch: PairBatch) -> Tensor:
    logits = run(language, tokens, logits="last").logits
    assert logits is not None
    return logit_difference(logits[:, -1], batch)


class _MeanByDistance:
    """Running fp64 means of features and errors by distance from the last token."""

    def __init__(self, longest: int, width: int, d: int) -> None:
        self.count = torch.zeros(longest, 1, dtype=torch.float64)
        self.features = torch.zeros(longest, width, dtype=torch.float64)
        self.error = torch.zeros(longest, d, dtype=torch.float64)

    def add(self, features: Tensor, error: Tensor) -> None:
        """Add (pair, position, width) and (pair, position, d)."""
        positions = features.shape[1]
        self.count[:positions] += len(features)
        self.features[:positions] += features.double().sum(dim=0).flip(0).cpu()
        self.error[:positions] += error.double().sum(dim=0).flip(0).cpu()

    def result(self) -> SiteMeans:
        return SiteMeans((self.features / self.count).float(), (self.error / self.count).float())


def save_scores(path: Path, scores: NodeScores, method: str, steps: int) -> None:
    """Publish scores.h5: /scores/<site>/{features,error}, /means/<site>/{features,error}, /gap."""
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(method=method, steps=steps)
        file["gap"] = scores.gap.numpy()
        for group, parts in (("scores", scores.sites), ("means", scores.means)):
            for site, part in parts.items():
                for name in ("features", "error"):
                    values = getattr(part, name).numpy()
                    # Most features are silent on most prompts, so the zeros compress to almost nothing.
                    file.create_dataset(f"{group}/{site}/{name}", data=values, compression="gzip", compression_opts=1)


def load_scores(path: Path) -> tuple[NodeScores, str, int]:
    """Read scores.h5; return the scores, the method's name and its steps."""
    with h5py.File(path) as file:

        def tensors(group: str, site: str) -> list[Tensor]:
            return [torch.from_numpy(file[f"{group}/{site}/{name}"][()]) for name in ("features", "error")]

        sites = sorted(file["scores"], key=lambda name: Site.parse(name).order)
        scores = NodeScores(
            {Site.parse(site): SiteScores(*tensors("scores", site)) for site in sites},
            {Site.parse(site): SiteMeans(*tensors("means", site)) for site in sites},
            torch.from_numpy(file["gap"][()]),
        )
        return scores, str(file.attrs["method"]), int(file.attrs["steps"])
