"""Intervals are as wide as the world's variation, and right where they are known exactly."""

import pytest
import torch
from scipy.stats import binomtest

from sparse_circuits.base.statistics import crossed_weights, interval95, wilson95
from worlds.seeded import normal


@pytest.mark.parametrize(("right", "examples"), [(0, 40), (3, 40), (40, 40), (155, 200)])
def test_shares_have_wilsons_interval(right: int, examples: int) -> None:
    expected = binomtest(right, examples).proportion_ci(method="wilson")
    assert wilson95(right / examples, examples) == pytest.approx([expected.low, expected.high])


def test_examples_that_share_a_template_are_no_independent_evidence() -> None:
    """The values are the templates' alone: the interval is that of a mean of six numbers, however many words."""
    by_template = normal(6)
    templates = [t for t in range(6) for _ in range(50)]
    words = [w for _ in range(6) for w in range(50)]
    values = by_template[templates]
    weights = crossed_weights([templates, words], 0)
    means = weights @ values / weights.sum(dim=1)
    assert means.std().item() == pytest.approx(by_template.std(correction=0).item() / 6**0.5, rel=0.1)
    low, high = interval95(means).tolist()
    assert low < by_template.mean().item() < high


def test_without_anything_shared_it_is_the_ordinary_bootstrap() -> None:
    values = normal(200)
    weights = crossed_weights([list(range(200))], 0)
    assert torch.equal(weights.sum(dim=1), torch.full((1000,), 200, dtype=torch.float64))
    assert (weights @ values / 200).std().item() == pytest.approx(values.std(correction=0).item() / 200**0.5, rel=0.1)
