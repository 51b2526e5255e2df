"""What the nodes of a circuit are: for each site, a dictionary that reads an activation as features and writes them back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sparse_circuits.config import Site
from sparse_circuits.sae import SparseAutoencoder


class Dictionary(Protocol):
    """Features of activations at one site. `write` is linear; what reading and writing loses is the error node."""

    width: int
    has_error: bool

    def read(self, x: Tensor) -> Tensor:
        """Return features (..., width) of activations (..., d)."""
        ...

    def write(self, features: Tensor) -> Tensor:
        """Return the part of the activation (..., d) that a change of features (..., width) makes."""
        ...

    def pull(self, gradient: Tensor) -> Tensor:
        """Return gradients with respect to features (..., width) from those with respect to activations (..., d)."""
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


Basis = Mapping[Site, Dictionary]


def error_part(dictionary: Dictionary, x: Tensor, features: Tensor) -> Tensor:
    """Return what the dictionary does not explain, up to a constant: x - write(features)."""
    return x - dictionary.write(features)
