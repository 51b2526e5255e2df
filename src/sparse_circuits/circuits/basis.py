"""What the nodes of a circuit are: at each site, a dictionary reads the activation as features and writes them back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sparse_circuits.config import Site
from sparse_circuits.sae import SparseAutoencoder
from sparse_circuits.sae.sparse import Pairs, decode


class Dictionary(Protocol):
    """Features of activations at one site. Writing is linear; what reading and writing loses is the error node."""

    @property
    def width(self) -> int:
        """Number of features."""
        ...

    @property
    def has_error(self) -> bool:
        """Whether reading and writing loses anything."""
        ...

    def read(self, x: Tensor) -> Tensor:
        """Return features (..., width) of activations (..., d)."""
        ...

    def write(self, features: Tensor) -> Tensor:
        """Return the part of the activation (..., d) that features (..., width) make."""
        ...

    def pull(self, gradient: Tensor) -> Tensor:
        """Return gradients with respect to features (..., width) from those with respect to activations (..., d)."""
        ...

    def read_parts(self, x: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """Return two parts of activations (circuit, row, d): what the features left out write, and what all write.

        `left_out` (circuit, width) is a mask.
        """
        ...


@dataclass(frozen=True)
class Features:
    """The features of a sparse autoencoder, with an error node."""

    sae: SparseAutoencoder
    has_error: bool = True

    @property
    def width(self) -> int:
        """Number of features."""
        return self.sae.width

    def read(self, x: Tensor) -> Tensor:
        """Encode."""
        return self.sae.encode(x)

    def write(self, features: Tensor) -> Tensor:
        """Decode, without the bias."""
        return features @ self.sae.W_dec

    def pull(self, gradient: Tensor) -> Tensor:
        """Project on the decoder's rows."""
        return gradient @ self.sae.W_dec.T

    def read_parts(self, x: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """Decode the active features only: k rows of the decoder for each row of x."""
        values, indices = (part.flatten(1) for part in self.sae.encode_sparse(x))
        mask = left_out.gather(1, indices)
        shape = (-1, values.shape[1] // x.shape[1])
        active = Pairs.of(indices.view(shape), self.width)
        parts = (decode(v.flatten(), active, self.sae.W_dec) for v in (values * mask, values))
        first, second = (part.view_as(x) for part in parts)
        return first, second


@dataclass(frozen=True)
class Neurons:
    """The coordinates of the site themselves; nothing is lost, so there is no error node."""

    width: int
    has_error: bool = False

    def read(self, x: Tensor) -> Tensor:
        """Return the activation."""
        return x

    def write(self, features: Tensor) -> Tensor:
        """Return the features."""
        return features

    def pull(self, gradient: Tensor) -> Tensor:
        """Return the gradient."""
        return gradient

    def read_parts(self, x: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """Mask the coordinates."""
        return x * left_out[:, None, :], x


Basis = Mapping[Site, Dictionary]
