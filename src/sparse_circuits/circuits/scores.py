"""Node scores: how much of the metric's change from clean to patch goes through each node, pair by pair."""

from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import torch
from torch import Tensor

from sparse_circuits.circuits.attribution.registry import METHODS, ONE_PASS
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.circuits.basis import Basis, Dictionary, Node, by_node
from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.config.site import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing
from sparse_circuits.models.load import Language
from sparse_circuits.models.predicted import rows_at_a_time
from sparse_circuits.models.run import run
from sparse_circuits.progress import Progress
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, PairBatch, in_batches


@dataclass(frozen=True)
class SiteScores:
    """Scores at one site: `nodes` (pair, place, width), `error` (pair, place).

    There is one place, the sum over positions, or a place for each position.
    """

    nodes: Tensor
    error: Tensor


@dataclass(frozen=True)
class SiteMeans:
    """Means over the clean and patch prompts' words, by distance from the last token, which has distance 0:
    `coordinates` (distance, coordinate), `error` (distance, d). They stand in for what is ablated; the separator at
    position 0 is never ablated and not among them."""

    coordinates: Tensor
    error: Tensor

    def at(self, positions: int) -> tuple[Tensor, Tensor]:
        """Return the means in reading order for prompts of a length: (position, coordinate) and (position, d).

        Prompts longer than any in training take the mean of the farthest distance for what is beyond it.
        """
        distance = torch.arange(positions - 1, -1, -1).clamp(max=len(self.coordinates) - 1)
        return self.coordinates[distance], self.error[distance]


@dataclass(frozen=True)
class NodeScores:
    """Scores and means of every site, and the gap metric(patch) - metric(clean) of each pair (pair,)."""

    sites: dict[Site, SiteScores]
    means: dict[Site, SiteMeans]
    gap: Tensor

    @property
    def positions(self) -> int:
        """The prompts' length where nodes have positions, else 1."""
        return next(iter(self.sites.values())).nodes.shape[1]

    @property
    def mean_scores(self) -> Tensor:
        """The mean scores of all nodes but the error nodes, by site, position and number, in fp64: (node,)."""
        return torch.cat([part.nodes.double().mean(dim=0).flatten() for part in self.sites.values()])

    def active(self) -> tuple[Tensor, Tensor]:
        """Return which nodes score anything on any pair, as numbers in that order (n,), and their scores (pair, n).

        Most features of an autoencoder are silent on a task.
        """
        flat = [part.nodes.flatten(1) for part in self.sites.values()]
        masks = [(values != 0).any(dim=0) for values in flat]
        scores = torch.cat([values[:, mask] for values, mask in zip(flat, masks, strict=True)], dim=1)
        return torch.cat(masks).nonzero().flatten(), scores

    def nodes_at(self, columns: Tensor) -> list[Node]:
        """Return the nodes of some numbers in the order of `mean_scores`."""
        widths = [part.nodes.shape[2] for part in self.sites.values()]
        begins = torch.tensor([0] + [part.nodes[0].numel() for part in self.sites.values()]).cumsum(0)
        owners = torch.searchsorted(begins, columns, right=True) - 1
        sites = list(self.sites)
        found = []
        for owner, within in zip(owners.tolist(), (columns - begins[owners]).tolist(), strict=True):
            position, index = divmod(within, widths[owner])
            found.append(Node(sites[owner], index, position if self.positions > 1 else None))
        return found

    def ranked(self, evident: bool = False) -> list[Node]:
        """Return all nodes with a score other than 0, best first; ties by site, position and number.

        By falling `lower_bound` of the |mean score|; those whose bound is 0, which are left out if `evident`, follow by
        falling |mean score|. Error nodes are not among them.
        """
        columns, scores = self.active()
        mean, error = mean_and_error(scores)
        bound = lower_bound(mean, error)
        order = torch.argsort(mean.abs(), descending=True, stable=True)
        order = order[torch.argsort(bound[order], descending=True, stable=True)]
        return self.nodes_at(columns[order[: int(((bound if evident else mean.abs()) > 0).sum())]])

    def mean(self, node: Node) -> float:
        """Return a node's mean score."""
        part = self.sites[node.site]
        place = node.position or 0
        values = part.error[:, place] if node.index is None else part.nodes[:, place, node.index]
        return values.double().mean().item()


def score_nodes(
    language: Language,
    groups: Groups,
    basis: Basis,
    method: str,
    steps: int,
    batch_tokens: int,
    by_position: bool = False,
) -> NodeScores:
    """Score every node of `basis` on all pairs (grouped by length); `batch_tokens` bounds pairs x positions x steps.

    A node's score is the sum over positions of (patch - clean) x the metric's gradient as `method` averages it; with
    `by_position` each position is a node of its own. Raises StudyError when prompts or sites then differ in length.
    """
    sites = list(basis)
    pairs = sum(len(part) for _, part in groups)
    longest = {site: max(language.positions(part.clean, site) for _, part in groups) for site in sites}
    if by_position and len(groups) > 1:
        lengths = ", ".join(str(part.clean.shape[1]) for _, part in groups)
        raise StudyError(f"by_position needs prompts of one length, found {lengths} tokens; set it to false")
    if by_position and len(set(longest.values())) > 1:
        raise StudyError("by_position needs sites of one number of positions; a convolution's layers differ in it")
    places = longest if by_position else dict.fromkeys(sites, 1)
    nodes = {site: torch.zeros(pairs, places[site], basis[site].width) for site in sites}
    errors = {site: torch.zeros(pairs, places[site]) for site in sites}
    gap = torch.zeros(pairs)
    means: dict[Site, _MeanByDistance] = {}
    work: list[tuple[list[int], PairBatch]] = []
    for indices, whole in groups:
        rows = min(batch_tokens // language.positions(whole.clean), rows_at_a_time(language))
        work += in_batches([(indices, whole)], max(1, rows // (1 if method in ONE_PASS else steps)))
    for indices, part in Progress(work, desc=f"attribute ({method})", unit="batch"):
        part = part.to(language.device)
        with torch.no_grad():
            gap[indices] = (_metric(language, part.patch, part) - _metric(language, part.clean, part)).cpu()
        sources = _sources(language, part, basis)
        for site, found in METHODS[method](language, part, sites, steps).items():
            with torch.no_grad():
                clean, patch = (basis[site].read(x) for x in sources.get(site, (found.clean, found.patch)))
                rests = [x - basis[site].write(read) for x, read in ((found.clean, clean), (found.patch, patch))]
                for scores, values in zip(
                    (nodes, errors), _scores(basis[site], found, clean, patch, *rests), strict=True
                ):
                    scores[site][indices] = (values if by_position else values.sum(dim=1, keepdim=True)).cpu()
                mean = means.setdefault(site, _MeanByDistance(longest[site], clean.shape[2], found.clean.shape[2]))
                mean.add(clean, rests[0])
                mean.add(patch, rests[1])
    return NodeScores(
        {site: SiteScores(nodes[site], errors[site]) for site in sites},
        {site: means[site].result() for site in sites},
        gap,
    )


@torch.no_grad()
def _sources(language: Language, part: PairBatch, basis: Basis) -> dict[Site, tuple[Tensor, Tensor]]:
    """Both runs' activations of what is read to write a site, where that is another site."""
    reads = {site: dictionary.reads for site, dictionary in basis.items() if dictionary.reads}
    if not reads:
        return {}
    clean, patch = (run(language, t, read=list(reads.values())).activations for t in (part.clean, part.patch))
    return {site: (clean[read], patch[read]) for site, read in reads.items()}


def _scores(
    dictionary: Dictionary, found: SiteGradient, clean: Tensor, patch: Tensor, rest: Tensor, patch_rest: Tensor
) -> tuple[Tensor, Tensor]:
    """Scores of nodes (pair, position, width) and of the error (pair, position)."""
    counterfactual = (patch, patch_rest) if found.to_patch else (0, 0)
    nodes = by_node((counterfactual[0] - clean) * dictionary.pull(found.gradient), dictionary.group)
    return nodes, ((counterfactual[1] - rest) * found.gradient).sum(dim=2)


def _metric(language: Language, tokens: Tensor, batch: PairBatch) -> Tensor:
    logits = run(language, tokens, logits="last").logits
    assert logits is not None
    return logit_difference(logits[:, -1], batch)


class _MeanByDistance:
    """Running fp64 means of coordinates and errors by distance from the last token."""

    def __init__(self, longest: int, coordinates: int, d: int) -> None:
        longest -= 1  # without the separator
        self.count = torch.zeros(longest, 1, dtype=torch.float64)
        self.coordinates = torch.zeros(longest, coordinates, dtype=torch.float64)
        self.error = torch.zeros(longest, d, dtype=torch.float64)

    def add(self, coordinates: Tensor, error: Tensor) -> None:
        """Add (pair, position, coordinate) and (pair, position, d)."""
        # Nothing stands in for the separator. It is a sink with a norm a hundred times that of other tokens, and would
        # swamp the mean where prompts of other lengths have a word.
        coordinates, error = coordinates[:, 1:], error[:, 1:]
        positions = coordinates.shape[1]
        self.count[:positions] += len(coordinates)
        self.coordinates[:positions] += coordinates.double().sum(dim=0).flip(0).cpu()
        self.error[:positions] += error.double().sum(dim=0).flip(0).cpu()

    def result(self) -> SiteMeans:
        return SiteMeans((self.coordinates / self.count).float(), (self.error / self.count).float())


def save_scores(path: Path, scores: NodeScores, method: str, steps: int) -> None:
    """Publish scores.h5: /scores/<site>/{nodes,error}, /means/<site>/{coordinates,error}, /gap."""
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(method=method, steps=steps)
        file["gap"] = scores.gap.numpy()
        for group, parts in (("scores", scores.sites), ("means", scores.means)):
            for site, part in parts.items():
                for field in fields(part):
                    values = getattr(part, field.name).numpy()
                    # Most features are silent on most prompts, so the zeros compress to almost nothing.
                    name = f"{group}/{site}/{field.name}"
                    file.create_dataset(name, data=values, compression="gzip", compression_opts=1)


def load_scores(path: Path) -> tuple[NodeScores, str, int]:
    """Read scores.h5; return the scores, the method's name and its steps."""
    with h5py.File(path) as file:

        def tensors(group: str, site: str, kind: type[SiteScores | SiteMeans]) -> list[Tensor]:
            return [torch.from_numpy(file[f"{group}/{site}/{field.name}"][()]) for field in fields(kind)]

        sites = sorted(file["scores"], key=lambda name: Site.parse(name).order)
        scores = NodeScores(
            {Site.parse(site): SiteScores(*tensors("scores", site, SiteScores)) for site in sites},
            {Site.parse(site): SiteMeans(*tensors("means", site, SiteMeans)) for site in sites},
            torch.from_numpy(file["gap"][()]),
        )
        return scores, str(file.attrs["method"]), int(file.attrs["steps"])
