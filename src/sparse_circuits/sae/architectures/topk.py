"""TopK: a reconstruction from the k features that respond most (Gao et al. 2024, arXiv 2406.04093)."""

from typing import Any

import torch
from torch import Tensor

from sparse_circuits.config.autoencoders import TopK
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.sparse import Places, PreActivations


class TopKTrainer(Architecture[TopK]):
    """The k largest pre-activations of each row, negative ones set to 0."""

    def select(self, pre: PreActivations) -> Places:
        """Return the k largest of each row."""
        return pre.largest(self.config.k)

    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Rectify; sparsity costs nothing, it is given."""
        return pre.relu(), torch.zeros((), device=pre.device)

    def folded(self, lengths: Tensor, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
        """Keep k."""
        return "topk", {"k": self.config.k}
