"""Node scores: how much of the metric's change from clean to patch goes through each node, pair by pair; their file."""

from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import torch
from torch import Tensor

from sparse_circuits.base.files import publishing
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site


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
    """Scores and means of every site, the total effect m(patch) - m(clean) of each pair (pair,), and the method."""

    sites: dict[Site, SiteScores]
    means: dict[Site, SiteMeans]
    total_effect: Tensor
    scoring: Scoring

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


def save_scores(path: Path, scores: NodeScores) -> None:
    """Publish scores.h5: /scores/<site>/{nodes,error}, /means/<site>/{coordinates,error}, /gap."""
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(method=scores.scoring.method, steps=scores.scoring.points)
        file["gap"] = scores.total_effect.numpy()
        for group, parts in (("scores", scores.sites), ("means", scores.means)):
            for site, part in parts.items():
                for field in fields(part):
                    values = getattr(part, field.name).numpy()
                    # Most features are silent on most prompts, so the zeros compress to almost nothing.
                    name = f"{group}/{site}/{field.name}"
                    file.create_dataset(name, data=values, compression="gzip", compression_opts=1)


def load_scores(path: Path) -> NodeScores:
    """Read scores.h5."""
    with h5py.File(path) as file:

        def tensors(group: str, site: str, kind: type[SiteScores | SiteMeans]) -> list[Tensor]:
            return [torch.from_numpy(file[f"{group}/{site}/{field.name}"][()]) for field in fields(kind)]

        sites = sorted(file["scores"], key=lambda name: Site.parse(name).order)
        scores = {Site.parse(site): SiteScores(*tensors("scores", site, SiteScores)) for site in sites}
        means = {Site.parse(site): SiteMeans(*tensors("means", site, SiteMeans)) for site in sites}
        method, by_position = str(file.attrs["method"]), next(iter(scores.values())).nodes.shape[1] > 1
        scoring = Scoring.of(method, int(file.attrs["steps"]), by_position)
        return NodeScores(scores, means, torch.from_numpy(file["gap"][()]), scoring)
