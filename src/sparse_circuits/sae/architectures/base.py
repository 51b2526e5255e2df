"""What all architectures share: weights, encoder, reconstruction, dead features, and folding the units away."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.autoencoder import SparseAutoencoder, transcoder_of
from sparse_circuits.sae.sparse import Pairs, Places, PreActivations, decode, encode, largest
from sparse_circuits.sae.units import Units

C = TypeVar("C", bound=Trained)

TRANSCODER_START = 0.1  # norm of a transcoder's encoder rows at the start


@dataclass(frozen=True)
class Step:
    """One forward pass: the loss to descend, what the reconstruction leaves over (row, d_out), and who fired.

    `fired` (d_sae,) is the number of rows on which each feature fired.
    """

    loss: Tensor
    residual: Tensor
    fired: Tensor


@dataclass(frozen=True)
class Activity:
    """Which features are active, how much and at what price; and out of which pre-activations."""

    values: Tensor
    places: Places
    penalty: Tensor
    pre: PreActivations

    def fired(self) -> Tensor:
        """Return the number of rows on which each feature fired: (d_sae,)."""
        return self.places.count(self.values.detach())


class Architecture(nn.Module, ABC, Generic[C]):
    """Trainable weights, one feature a row: W_enc (d_sae, d_in), W_dec (d_sae, d_out), b_enc (d_sae,), b_dec (d_out,).

    An autoencoder reconstructs what it reads, less b_dec. A transcoder predicts another activation of the same rows
    (Dunefsky et al. 2024, arXiv 2406.11944), and a skip transcoder adds to it W_skip (d_out, d_in) times what it reads
    (Paulo et al. 2025, arXiv 2501.18823). A crosscoder is an autoencoder of several sites side by side (Lindsey et al.
    2024).

    The weights live in units in which the data has mean 0 and variance 1 a dimension; `export` folds the units away. An
    architecture says where features can be active (`select`), what their values are and what is paid for them
    (`activate`), and how it is saved (`folded`).
    """

    START_NORM: ClassVar[float] = 1.0  # norm of a feature's encoder and decoder rows at the start
    UNIT_ROWS: ClassVar[bool] = True  # whether the decoder's rows are kept at unit length

    def __init__(
        self, d_in: int, config: C, generator: torch.Generator, d_out: int | None = None, widths: Sequence[int] = ()
    ) -> None:
        """Start at random; `d_out` is a transcoder's, `widths` are those of a crosscoder's sites."""
        super().__init__()
        directions = nn.functional.normalize(torch.randn(config.d_sae, d_in, generator=generator), dim=1)
        # Encoder rows start along their decoder rows (Gao et al., appendix A.1), which leaves few features dead.
        # A transcoder's cannot. What its features write at first is noise to the target, so they start small.
        start = self.START_NORM if d_out is None else min(self.START_NORM, TRANSCODER_START)
        self.W_enc = nn.Parameter(start * directions)
        if d_out is not None:
            directions = nn.functional.normalize(torch.randn(config.d_sae, d_out, generator=generator), dim=1)
        self.W_dec = nn.Parameter(self.START_NORM * directions)
        self.b_enc = nn.Parameter(torch.zeros(config.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(self.W_dec.shape[1]))
        skips = config.kind == "skip_transcoder"
        self.W_skip = nn.Parameter(torch.zeros(self.W_dec.shape[1], d_in)) if skips else None
        self.centres = d_out is None
        self.widths = list(widths) or [self.W_dec.shape[1]]
        self.config = config
        self.register_buffer("silent", torch.zeros(config.d_sae, dtype=torch.int64))  # rows since a feature fired
        self.silent: Tensor
        self.register_buffer("dead", torch.zeros(config.d_sae, dtype=torch.bool))  # at the last `find_dead`
        self.dead: Tensor
        self.register_buffer("fired", torch.zeros(config.d_sae, dtype=torch.int64))  # rows of the last epoch
        self.fired: Tensor
        self.revived = 0  # dead features that AuxK takes
        self.register_load_state_dict_post_hook(lambda module, _: module._count_dead())
        self.add_weights()

    def add_weights(self) -> None:
        """Add the weights and buffers that only one architecture has."""

    def forward(
        self, x: Tensor, progress: float = 1.0, dense: Tensor | None = None, target: Tensor | None = None
    ) -> Step:
        """Return loss, residual and firing counts of rows x (row, d_in); `progress` is the share of training done.

        `dense` (row, d_sae) are the pre-activations, where they have been computed together with others'; `target`
        (row, d_out) is what a transcoder is to predict.
        """
        active = self.activity(x, progress, dense)
        target = x if target is None else target
        if self.W_skip is not None:
            target = target - x @ self.W_skip.T
        cost, residual = self.reconstruct(active.values, active.places, target)
        loss = cost + active.penalty
        if self.revived:
            loss = loss + self.auxiliary(active, residual.detach())
        return Step(loss, residual.detach(), active.fired())

    def activity(self, x: Tensor, progress: float, dense: Tensor | None = None) -> Activity:
        """Return what is active on rows x (row, d_in)."""
        pre = PreActivations(x - self.b_dec if self.centres else x, self.W_enc, self.b_enc, dense)
        with torch.no_grad():
            places = self.select(pre)
        selected = encode(pre, places, self.b_dec if self.centres else None)
        values, penalty = self.activate(selected, places, progress)
        return Activity(values, places, penalty, pre)

    @abstractmethod
    def select(self, pre: PreActivations) -> Places:
        """Return the places that can be active, or learn."""

    @abstractmethod
    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Return the features' values at the places, and the penalty for them, averaged over rows."""

    def reconstruct(self, values: Tensor, places: Places, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error, squared and summed over d_out, averaged over rows, and the residual (row, d_out)."""
        residual = target - self.b_dec - decode(values, places, self.W_dec)
        return residual.square().sum(dim=1).mean(), residual

    def norms(self) -> Tensor:
        """Return what a feature's value weighs in a penalty: the length of its decoder row, (d_sae,).

        Of a crosscoder, the sum of the lengths at its sites, so that features pay for each site they write to.
        """
        parts = self.W_dec.split(self.widths, dim=1)
        return reduce(add, (torch.linalg.vector_norm(part, dim=1) for part in parts))

    @torch.no_grad()
    def find_dead(self) -> None:
        """Look which features are dead. This waits for the device, so it is not done in every step."""
        if self.config.aux_coefficient:
            torch.gt(self.silent, self.config.dead_after, out=self.dead)
            self._count_dead()

    def _count_dead(self) -> None:
        self.revived = min(self.config.aux_k, int(self.dead.sum()))

    def auxiliary(self, active: Activity, residual: Tensor) -> Tensor:
        """AuxK (Gao et al. 2024, appendix A.2): how well the likeliest dead features explain what is left over.

        The error of the auxiliary reconstruction, by the variance of the residual (row, d_out), times its coefficient.
        Only here do dead features learn.
        """
        _, indices = largest(active.pre.dense.masked_fill(~self.dead, -torch.inf), self.revived)
        pairs = Pairs.of(indices, self.config.d_sae)
        values = encode(active.pre, pairs, self.b_dec if self.centres else None).relu()
        error = (residual - decode(values, pairs, self.W_dec)).square().sum(dim=1).mean()
        variance = (residual - residual.mean(dim=0)).square().sum(dim=1).mean()
        return self.config.aux_coefficient * (error / variance)

    def count_fired(self, fired: Tensor) -> None:
        """Add to the rows of the last epoch on which each feature fired (d_sae,)."""
        self.fired += fired

    @torch.no_grad()
    def after_step(self, fired: Tensor, rows: int) -> None:
        """Bring the decoder's rows back to unit length, else activations could shrink for nothing; count silence."""
        if self.UNIT_ROWS:
            self.W_dec.div_(torch.linalg.vector_norm(self.W_dec, dim=1, keepdim=True))
        self.silent.add_(rows).mul_(fired == 0)

    @torch.no_grad()
    def export(self, reads: Units, writes: Units, metadata: dict[str, Any]) -> SparseAutoencoder:
        """Return what computes the same in the model's units, with decoder rows of unit length where there is one unit.

        Features come out as lengths along their decoder rows, in the unit of what is written.
        """
        norms = torch.linalg.vector_norm(self.W_dec, dim=1)
        W_enc = self.W_enc * norms.unsqueeze(1) * (writes.length / reads.scale).float()
        b_enc = self.b_enc * norms * writes.length
        b_dec = self.b_dec * writes.scale.float() + writes.mean
        W_skip = None
        if not self.centres:
            b_enc = b_enc - W_enc @ reads.mean
        if self.W_skip is not None:
            W_skip = (writes.scale.unsqueeze(1) * self.W_skip / reads.scale).float()
            b_dec = b_dec - W_skip @ reads.mean
        weights = {
            "W_enc": W_enc.T.contiguous(),
            "b_enc": b_enc,
            "W_dec": self.W_dec / norms.unsqueeze(1) * (writes.scale / writes.length).float(),
            "b_dec": b_dec,
        }
        architecture, changed = self.folded(norms * writes.length, weights)
        if not self.centres:
            architecture = transcoder_of(architecture, skips=W_skip is not None)
        return SparseAutoencoder(
            architecture, **weights | changed, W_skip=W_skip, centred=self.centres, metadata=metadata
        )

    @abstractmethod
    def folded(self, lengths: Tensor, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
        """Return the name to save under, and what is saved besides the folded weights, or instead of some of them.

        `lengths` (d_sae,) is what a feature of 1 measures once folded; thresholds are to be multiplied by it.
        """
