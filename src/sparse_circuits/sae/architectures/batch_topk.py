"""BatchTopK: k features a row on average, the largest of a whole batch (Bussmann et al. 2024, arXiv 2412.06410)."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from sparse_circuits.config.autoencoders import BatchTopK, Matryoshka
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.sparse import Pairs, Places, PreActivations, largest, runs_on_kernels

CANDIDATES = 4  # times k: what each row puts forward
THRESHOLD_MEMORY = 0.99  # of the running mean of each batch's smallest active value


B = TypeVar("B", bound=BatchTopK | Matryoshka)


class BatchTopKTrainer(Architecture[B]):
    """The k · rows largest pre-activations of a batch, negative ones set to 0.

    A single input has no batch. After training a feature is active above one `threshold`, the running mean of the
    smallest value that was active in a batch (SAELens), so it is saved as JumpReLU.
    """

    def add_weights(self) -> None:
        """Add the running threshold."""
        self.register_buffer("threshold", torch.zeros((), dtype=torch.float64))
        self.threshold: Tensor

    def select(self, pre: PreActivations) -> Places:
        """Return the places of the k · rows largest of the batch, row by row.

        Exact, and without sorting all of them: of what rows put forward, 4 k each. Where one row has all of its own
        among the largest it might have more, and the whole batch is searched. On CUDA it always is: to learn whether
        it must be, the host would have to wait.
        """
        dense = pre.dense
        rows, d_sae = dense.shape
        wanted = self.config.k * rows
        if runs_on_kernels(dense):
            return Pairs.of_flat(largest(dense.reshape(1, -1), wanted)[1][0], rows, d_sae)
        each = min(d_sae, CANDIDATES * self.config.k)
        values, indices = largest(dense, each)
        chosen = _mask_of_largest(values, wanted)
        if each < d_sae and bool(chosen.all(dim=1).any()):
            return Pairs.where(_mask_of_largest(dense, wanted))
        return Pairs.where(torch.zeros_like(dense, dtype=torch.bool).scatter_(1, indices, chosen))

    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Rectify, and note the smallest value above 0; sparsity costs nothing, it is given."""
        if self.training:
            with torch.no_grad():
                smallest = torch.where(pre > 0, pre, torch.inf).min().double()
                self.threshold.lerp_(torch.where(smallest.isfinite(), smallest, self.threshold), 1 - THRESHOLD_MEMORY)
        return pre.relu(), torch.zeros((), device=pre.device)

    def folded(self, lengths: Tensor, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
        """One threshold in units of the model."""
        return "jumprelu", {"threshold": self.threshold.float() * lengths}


def _mask_of_largest(values: Tensor, count: int) -> Tensor:
    """The `count` largest entries of a matrix."""
    flat = values.flatten()
    places = flat.topk(count, sorted=False).indices
    return torch.zeros_like(flat, dtype=torch.bool).index_fill_(0, places, True).view_as(values)
