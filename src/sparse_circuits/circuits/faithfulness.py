"""Faithfulness, the share of what a model does that a circuit does."""

from torch import Tensor


def faithfulness(circuit: Tensor, empty: Tensor, model: Tensor) -> Tensor:
    """Return (m(C) - m(0)) / (m(M) - m(0)) from mean metrics: of circuits, with every node ablated, of the whole model.

    Marks et al. 2024 (arXiv 2403.19647), section 3.2. Of what is left without a circuit it is the completeness.
    """
    return (circuit - empty) / (model - empty)
