"""What the nodes of a circuit are: at each site, a dictionary reads activations as coordinates and writes them back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sparse_circuits.base.types import NodeId
from sparse_circuits.config.site import Site, parse_node
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.sparse import Pairs, decode


@dataclass(frozen=True)
class Node:
    """A node. `index` None is the error node of its site; `position` None is the sum over all positions."""

    site: Site
    index: int | None
    position: int | None = None

    @property
    def id(self) -> NodeId:
        """The node's name, such as `resid_post.14/1944`, `resid_post.14/error` or, at position 3, `heads.5/2@3`."""
        at = "" if self.position is None else f"@{self.position}"
        return f"{self.site}/{'error' if self.index is None else self.index}{at}"

    @classmethod
    def parse(cls, text: str) -> "Node":
        """Read a node's name; raise ValueError when it is none."""
        return cls(*parse_node(text))


class Dictionary(Protocol):
    """Nodes at one site, which they write. Writing is linear; what reading and writing loses is the error node.

    A node is `group` neighbouring coordinates: one for a feature or a neuron, d_head for an attention head.
    """

    @property
    def width(self) -> int:
        """Number of nodes."""
        ...

    @property
    def group(self) -> int:
        """Coordinates a node."""
        ...

    @property
    def has_error(self) -> bool:
        """Whether reading and writing loses anything."""
        ...

    @property
    def reads(self) -> Site | None:
        """The site that is read, where it is another one than the one written."""
        ...

    @property
    def resting(self) -> Tensor | float:
        """What is left of the site (d,) when every coordinate is 0 and nothing is lost: the decoder's bias."""
        ...

    def read(self, x: Tensor) -> Tensor:
        """Return coordinates (..., width * group) of activations (..., d_in) of the site that is read."""
        ...

    def write(self, coordinates: Tensor) -> Tensor:
        """Return the part of the activation (..., d) that coordinates (..., width * group) make."""
        ...

    def pull(self, gradient: Tensor) -> Tensor:
        """Return gradients of coordinates (..., width * group) from those of activations (..., d)."""
        ...

    def read_parts(self, x: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """Return two parts of what is written for x (circuit, pair, position, d_in): that of nodes left out, and all.

        `left_out` (circuit, position or 1, width) is 1 for a node that is left out, 0 for one that is kept.
        """
        ...


@dataclass(frozen=True)
class Features:
    """The features of a sparse autoencoder, or of a transcoder from the site `reads`; with an error node.

    What a transcoder's skip writes counts to its error node.
    """

    sae: SparseAutoencoder
    reads: Site | None = None
    group: int = 1
    has_error: bool = True

    @property
    def width(self) -> int:
        """Number of features."""
        return self.sae.width

    @property
    def resting(self) -> Tensor:
        """The decoder's bias."""
        return self.sae.b_dec

    def read(self, x: Tensor) -> Tensor:
        """Encode."""
        return self.sae.encode(x)

    def write(self, coordinates: Tensor) -> Tensor:
        """Decode, without the bias."""
        return coordinates @ self.sae.W_dec

    def pull(self, gradient: Tensor) -> Tensor:
        """Project on the decoder's rows."""
        return gradient @ self.sae.W_dec.T

    def read_parts(self, x: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """Decode the active features only: k rows of the decoder for each row of x."""
        values, indices = self.sae.encode_sparse(x)
        circuits, places, width = left_out.shape
        first = width * torch.arange(circuits * places, device=x.device).view(circuits, 1, places, 1)
        active = Pairs.of(indices.flatten(0, -2), width)
        parts = (values * left_out.take(first + indices), values)
        removed, explained = (
            decode(part.flatten(), active, self.sae.W_dec).unflatten(0, x.shape[:-1]) for part in parts
        )
        return removed, explained


@dataclass(frozen=True)
class Coordinates:
    """The coordinates of the site themselves, `group` a node: neurons, residual channels, attention heads.

    Nothing is lost, so there is no error node.
    """

    width: int
    group: int = 1
    has_error: bool = False
    reads: Site | None = None
    resting: float = 0.0

    def read(self, x: Tensor) -> Tensor:
        """Return the activation."""
        return x

    def write(self, coordinates: Tensor) -> Tensor:
        """Return the coordinates."""
        return coordinates

    def pull(self, gradient: Tensor) -> Tensor:
        """Return the gradient."""
        return gradient

    def read_parts(self, x: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """Mask the coordinates."""
        return x * by_coordinate(left_out, self.group).unsqueeze(1), x


Basis = Mapping[Site, Dictionary]


def sites_read(basis: Basis) -> list[Site]:
    """Return every site that a basis reads or writes, in the order of the computation."""
    found = {*basis, *(dictionary.reads for dictionary in basis.values() if dictionary.reads)}
    return sorted(found, key=lambda site: site.order)


def by_node(coordinates: Tensor, group: int) -> Tensor:
    """Sum over each node's coordinates (..., width * group): (..., width)."""
    return coordinates if group == 1 else coordinates.unflatten(-1, (-1, group)).sum(dim=-1)


def by_coordinate(nodes: Tensor, group: int) -> Tensor:
    """Repeat what is said of nodes (..., width) for each of their coordinates: (..., width * group)."""
    return nodes if group == 1 else nodes.repeat_interleave(group, dim=-1)
