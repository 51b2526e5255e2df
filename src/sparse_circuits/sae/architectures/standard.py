"""Standard: ReLU features and an L1 penalty (Bricken et al. 2023; penalty weighted by norms, Conerly et al. 2024)."""

from typing import Any, TypeVar

from torch import Tensor

from sparse_circuits.config.autoencoders import PAnneal, Standard
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.sparse import Places, PreActivations, places_where


def warmed_up(coefficient: float, warm_up: float, progress: float) -> float:
    """Return a penalty's coefficient, which rises linearly over the first `warm_up` share of training."""
    return coefficient * min(1.0, progress / warm_up) if warm_up else coefficient


L = TypeVar("L", bound=Standard | PAnneal)


class StandardTrainer(Architecture[L]):
    """f = relu(pre); the penalty is l1 times the sum of f‖W_dec‖, so that no norm needs to be kept."""

    START_NORM = 0.1
    UNIT_ROWS = False

    def select(self, pre: PreActivations) -> Places:
        """Return where pre-activations are positive."""
        return places_where(pre.dense > 0)

    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Rectify, and pay for what is active."""
        values = pre.relu()
        norms = places.at(self.norms())
        coefficient = warmed_up(self.config.l1, self.config.sparsity_warm_up, progress)
        return values, coefficient * places.sum_by_row(values * norms).mean()

    def folded(self, lengths: Tensor, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
        """ReLU is homogeneous: nothing more to fold."""
        return "standard", {}
