"""Circuits of resampled pairs, and a curve in one number: known answers, loops, hand-made trapezoids."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor

from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.circuits.proof.areas import areas
from sparse_circuits.circuits.proof.stability import jaccard, largest_nodes, stability
from sparse_circuits.tasks.controls import swapped_half
from worlds import seeded


def _top(size: int) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda mean, error: largest_nodes(mean.abs(), size)


def test_means_and_errors_of_resamples_are_those_of_the_resampled_scores() -> None:
    scores = 1e6 + seeded.normal(8, 5)
    drawn = torch.randint(8, (3, 8), generator=seeded.generator())
    counts = torch.stack([rows.bincount(minlength=8) for rows in drawn])
    mean, error = mean_and_error(scores, counts)
    for i, rows in enumerate(drawn):
        torch.testing.assert_close(mean[i], scores[rows].mean(dim=0))
        torch.testing.assert_close(error[i], scores[rows].std(dim=0) / 8**0.5, rtol=1e-7, atol=0)
    mean, error = mean_and_error(scores)
    torch.testing.assert_close(mean, scores.mean(dim=0))
    torch.testing.assert_close(error, scores.std(dim=0) / 8**0.5, rtol=1e-7, atol=0)


def test_swapped_answers_leave_a_large_mean_but_no_lower_bound() -> None:
    # Ten nodes carry the task, with strengths that vary from pair to pair; ninety are noise of a twentieth of the size.
    scores = torch.where(
        torch.arange(100) < 10, 1 + 0.5 * seeded.normal(32, 100), 0.05 * seeded.normal(32, 100, seed=1)
    )
    signs = torch.where(torch.from_numpy(swapped_half(32, 0)), -1.0, 1.0)[:, None]
    mean, error = mean_and_error(scores)
    assert (lower_bound(mean, error)[:10] > 0.5).all()
    mean, error = mean_and_error(scores * signs)
    assert (mean.abs().topk(10).indices < 10).sum() >= 6, "one random draw in 30,000 has six of the ten"
    assert (lower_bound(mean, error)[:10] > 0).sum() <= 1


def test_pairs_that_say_the_same_give_the_same_circuit() -> None:
    found = stability(seeded.normal(50).expand(12, 50), _top(7), 100, seeded.generator())
    assert (found.jaccard, found.jaccard_with_all) == (1, 1)
    assert found.consensus.nonzero().flatten().tolist() == sorted(seeded.normal(50).abs().topk(7).indices.tolist())


def test_circuits_of_pure_noise_overlap_as_random_sets_do() -> None:
    nodes, size = 60, 12
    masks = largest_nodes(seeded.normal(400, nodes).abs(), size)
    first, second = torch.triu_indices(400, 400, offset=1)
    k = np.arange(size + 1)
    expected = float((hypergeom.pmf(k, nodes, size, size) * k / (2 * size - k)).sum())
    assert jaccard(masks, masks)[first, second].mean().item() == pytest.approx(expected, abs=0.003)


def test_resamples_of_noise_agree_less_than_those_of_a_signal() -> None:
    noise = seeded.normal(32, 300)
    signal = noise + 2.0 * (torch.arange(300) < 20)
    assert stability(signal, _top(20), 100, seeded.generator()).jaccard > 0.9
    found = stability(noise, _top(20), 100, seeded.generator())
    assert found.jaccard < 0.4
    assert found.jaccard < found.jaccard_with_all, "a resample is nearer to the data than to another resample"


def test_stability_equals_a_loop_over_resamples() -> None:
    scores = seeded.normal(9, 30) * (torch.arange(30) % 5 > 0)
    generator = seeded.generator(3)
    drawn = torch.randint(9, (20, 9), generator=generator)
    circuits = []
    for rows in drawn:
        mean = scores[rows].mean(dim=0).abs()
        circuits.append({i for i in range(30) if mean[i] > 0 and (mean > mean[i]).sum() < 6})
    pairs = [len(a & b) / len(a | b) for a, b in itertools.combinations(circuits, 2)]
    found = stability(scores, _top(6), 20, seeded.generator(3))
    assert found.jaccard == pytest.approx(np.mean(pairs))
    shares = [sum(node in circuit for circuit in circuits) / 20 for node in range(30)]
    assert found.share.tolist() == pytest.approx(shares)
    assert found.consensus.tolist() == [share >= 0.9 for share in shares]


def test_silent_nodes_are_in_no_circuit_and_empty_circuits_are_equal() -> None:
    scores = torch.zeros(5, 8)
    scores[:, 2] = 1.0
    found = stability(scores, _top(4), 10, seeded.generator())
    assert found.share.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert stability(torch.zeros(5, 8), _top(4), 10, seeded.generator()).jaccard == 1


# CPR and CMD


def test_areas_equal_trapezoids_by_hand() -> None:
    found = areas([10, 20, 60, 100], [0.0, 0.5, 1.5, 1.0], 100)
    assert found.cpr == pytest.approx(0.1 * 0.25 + 0.4 * 1.0 + 0.4 * 1.25)
    assert found.cpr_clipped == pytest.approx(0.1 * 0.25 + 0.4 * 0.75 + 0.4 * 1.0)
    assert found.cmd == pytest.approx(0.1 * 0.75 + 0.4 * 0.5 + 0.4 * 0.25)
    assert found.span == pytest.approx(0.9)


def test_a_perfect_curve_has_the_whole_area_but_what_lies_before_its_first_size() -> None:
    found = areas([1, 10, 1000], [1, 1, 1], 1000)
    assert found.cpr == found.cpr_clipped == found.span == pytest.approx(0.999)
    assert found.cmd == 0


def test_overshooting_pays_in_cpr_alone() -> None:
    over, level = (areas([1, 10], [f, f], 10) for f in (3.0, 1.0))
    assert over.cpr == pytest.approx(3 * level.cpr)
    assert over.cpr_clipped == level.cpr_clipped
    assert over.cmd > level.cmd
