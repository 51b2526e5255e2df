"""What all architectures share: weights, encoder, reconstruction, dead features, and folding the units away."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.sparse import Pairs, Places, decode, encode, largest, pre_activations

C = TypeVar("C", bound=Trained)


@dataclass(frozen=True)
class Step:
    """One forward pass: the loss to descend, what the reconstruction leaves over (row, d_in), and who fired.

    `fired` (d_sae,) is the number of rows on which each feature fired.
    """

    loss: Tensor
    residual: Tensor
    fired: Tensor


class Architecture(nn.Module, ABC, Generic[C]):
    """Trainable weights, one feature a row: W_enc and W_dec (d_sae, d_in), b_enc (d_sae,), b_dec (d_in,).

    They live in units in which the data has mean 0 and variance 1 a dimension; `export` folds the units away. An
    architecture says where features can be active (`select`), what their values are and what is paid for them
    (`activate`), and how it is saved.
    """

    START_NORM: ClassVar[float] = 1.0  # norm of a feature's encoder and decoder rows at the start
    UNIT_ROWS: ClassVar[bool] = True  # whether the decoder's rows are kept at unit length

    def __init__(self, d_in: int, config: C, generator: torch.Generator) -> None:
        super().__init__()
        directions = nn.functional.normalize(torch.randn(config.d_sae, d_in, generator=generator), dim=1)
        # Encoder rows start along their decoder rows (Gao et al., appendix A.1), which leaves few features dead.
        self.W_dec = nn.Parameter(self.START_NORM * directions)
        self.W_enc = nn.Parameter(self.START_NORM * directions)
        self.b_enc = nn.Parameter(torch.zeros(config.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        self.config = config
        self.register_buffer("silent", torch.zeros(config.d_sae, dtype=torch.int64))  # rows since a feature fired
        self.silent: Tensor
        self.register_buffer("fired", torch.zeros(config.d_sae, dtype=torch.int64))  # rows of the last epoch
        self.fired: Tensor

    def forward(self, x: Tensor, progress: float = 1.0, dense: Tensor | None = None) -> Step:
        """Return loss, residual and firing counts of rows x (row, d_in); `progress` is the share of training done.

        `dense` (row, d_sae) are the pre-activations, where they have been computed together with others'.
        """
        centred = x - self.b_dec
        with torch.no_grad():
            dense = pre_activations(centred, self.W_enc, self.b_enc) if dense is None else dense
            places = self.select(dense)
        pre = encode(dense, places, centred, self.W_enc, self.b_enc, self.b_dec)
        values, penalty = self.activate(pre, places, progress)
        cost, residual = self.reconstruct(values, places, x)
        loss = cost + penalty
        if self.config.aux_coefficient and bool((self.silent > self.config.dead_after).any()):
            loss = loss + self.config.aux_coefficient * self._auxiliary(dense, centred, residual.detach())
        return Step(loss, residual.detach(), places.count(values.detach()))

    @abstractmethod
    def select(self, pre: Tensor) -> Places:
        """Return the places that can be active, or learn, given all pre-activations (row, d_sae)."""

    @abstractmethod
    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Return the features' values at the places, and the penalty for them, averaged over rows."""

    def reconstruct(self, values: Tensor, places: Places, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error, squared and summed over d_in, averaged over rows, and the residual x - x̂ (row, d_in)."""
        residual = x - self.b_dec - decode(values, places, self.W_dec)
        return residual.square().sum(dim=1).mean(), residual

    def _auxiliary(self, dense: Tensor, centred: Tensor, residual: Tensor) -> Tensor:
        """AuxK (Gao et al. 2024, appendix A.2): how well the likeliest dead features explain what is left over.

        The error of the auxiliary reconstruction, by the variance of the residual. Only here do dead features learn.
        """
        dead = self.silent > self.config.dead_after
        k = min(self.config.aux_k, int(dead.sum()))
        _, indices = largest(dense.masked_fill(~dead, -torch.inf), k)
        pairs = Pairs.of(indices, dense.shape[1])
        values = encode(dense, pairs, centred, self.W_enc, self.b_enc, self.b_dec).relu()
        error = (residual - decode(values, pairs, self.W_dec)).square().sum(dim=1).mean()
        return error / (residual - residual.mean(dim=0)).square().sum(dim=1).mean()

    @torch.no_grad()
    def after_step(self, fired: Tensor, rows: int) -> None:
        """Bring the decoder's rows back to unit length, else activations could shrink for nothing; count silence."""
        if self.UNIT_ROWS:
            self.W_dec.div_(torch.linalg.vector_norm(self.W_dec, dim=1, keepdim=True))
        self.silent.add_(rows).mul_(fired == 0)

    def export(self, mean: Tensor, scale: float, metadata: dict[str, Any]) -> SparseAutoencoder:
        """Return the autoencoder for data in the model's units, x = mean + scale * x', with unit decoder rows.

        The same function: features come out in the model's units, as lengths along their decoder rows.
        """
        with torch.no_grad():
            norms = torch.linalg.vector_norm(self.W_dec, dim=1)
            return self.folded(
                norms,
                scale,
                {
                    "W_enc": (self.W_enc * norms.unsqueeze(1)).T.contiguous(),
                    "b_enc": self.b_enc * norms * scale,
                    "W_dec": self.W_dec / norms.unsqueeze(1),
                    "b_dec": self.b_dec * scale + mean,
                    "metadata": metadata,
                },
            )

    @abstractmethod
    def folded(self, norms: Tensor, scale: float, shared: dict[str, Any]) -> SparseAutoencoder:
        """Return the autoencoder of folded weights; thresholds are to be multiplied by norms (d_sae,) and scale."""
