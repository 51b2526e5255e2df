"""How much of a node's score the pairs agree on."""

from torch import Tensor

ERRORS = 2.0  # standard errors taken off


def mean_and_error(scores: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return mean scores and their standard errors, in fp64, from scores (pair, node): both (node,).

    With `counts` (resample, pair), how often each pair is in each resample, both are (resample, node).
    """
    values = scores.double()
    weights = (counts.double() if counts is not None else values.new_ones(len(values))) / len(values)
    mean = weights @ values
    # Centring first keeps the difference of squares exact.
    centre = values.mean(dim=0)
    variance = weights @ (values - centre) ** 2 - (mean - centre) ** 2
    return mean, (variance.clamp(min=0) / max(len(values) - 1, 1)).sqrt()


def lower_bound(mean: Tensor, error: Tensor) -> Tensor:
    """Return max(|mean| - 2 standard errors, 0): what a node does for the answer that the pairs agree on.

    A node of large scores of both signs has a large |mean| by chance. So |mean| finds much of a circuit even when the
    answers of half of the pairs are swapped; the bound leaves almost nothing there
    (`docs/explanation/design_choices.md`).
    """
    return (mean.abs() - ERRORS * error).clamp(min=0)
