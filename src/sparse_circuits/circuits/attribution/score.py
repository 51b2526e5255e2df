"""Scoring nodes: a gradient that a method averages, times how the node changes from clean to patch."""

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient
from sparse_circuits.circuits.basis import Basis, Dictionary, by_node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.scores import NodeScores, SiteMeans, SiteScores
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import rows_at_a_time
from sparse_circuits.models.run import run
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch, in_batches


def score_nodes(bench: Bench, settings: Scoring) -> NodeScores:
    """Score every node of a bench on all its pairs; its `batch_tokens` bound pairs x positions x points.

    A node's score is the sum over positions of (patch - clean) x the metric's gradient as `settings.method` averages
    it. With `settings.by_position` each position is a node of its own. Raises StudyError when prompts or sites then
    differ in length.
    """
    method, by_position = settings.method, settings.by_position
    model, groups, basis = bench.model, bench.groups, bench.basis
    sites = list(basis)
    pairs = sum(len(part) for _, part in groups)
    longest = {site: max(model.positions(part.clean, site) for _, part in groups) for site in sites}
    if by_position and len(groups) > 1:
        lengths = ", ".join(str(part.clean.shape[1]) for _, part in groups)
        raise StudyError(f"by_position needs prompts of one length, found {lengths} tokens; set it to false")
    if by_position and len(set(longest.values())) > 1:
        raise StudyError("by_position needs sites of one number of positions; a convolution's layers differ in it")
    places = longest if by_position else dict.fromkeys(sites, 1)
    nodes = {site: torch.zeros(pairs, places[site], basis[site].width) for site in sites}
    errors = {site: torch.zeros(pairs, places[site]) for site in sites}
    effect = torch.zeros(pairs)
    means: dict[Site, _MeanByDistance] = {}
    work: list[tuple[list[int], PairBatch]] = []
    for indices, whole in groups:
        rows = min(bench.batch_tokens // model.positions(whole.clean), rows_at_a_time(model))
        work += in_batches([(indices, whole)], max(1, rows // settings.points))
    for indices, part in Progress(work, desc=f"attribute ({method})", unit="batch"):
        part = part.to(model.device)
        with torch.no_grad():
            effect[indices] = (_metric(model, part.patch, part) - _metric(model, part.clean, part)).cpu()
        sources = _sources(model, part, basis)
        for site, found in METHODS[method](model, part, sites, settings.points).items():
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
        effect,
        Scoring.of(method, settings.points, by_position),
    )


@torch.no_grad()
def _sources(model: Model, part: PairBatch, basis: Basis) -> dict[Site, tuple[Tensor, Tensor]]:
    """Both runs' activations of what is read to write a site, where that is another site."""
    reads = {site: dictionary.reads for site, dictionary in basis.items() if dictionary.reads}
    if not reads:
        return {}
    clean, patch = (run(model, t, read=list(reads.values())).activations for t in (part.clean, part.patch))
    return {site: (clean[read], patch[read]) for site, read in reads.items()}


def _scores(
    dictionary: Dictionary, found: SiteGradient, clean: Tensor, patch: Tensor, rest: Tensor, patch_rest: Tensor
) -> tuple[Tensor, Tensor]:
    """Scores of nodes (pair, position, width) and of the error (pair, position)."""
    counterfactual = (patch, patch_rest) if found.to_patch else (0, 0)
    nodes = by_node((counterfactual[0] - clean) * dictionary.pull(found.gradient), dictionary.group)
    return nodes, ((counterfactual[1] - rest) * found.gradient).sum(dim=2)


def _metric(model: Model, tokens: Tensor, batch: PairBatch) -> Tensor:
    return logit_difference(run(model, tokens, logits="last").logits[:, -1], batch)


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
