"""The proof of a circuit: tests keep their level and find what was planted, and controls take the answer away."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Coordinates, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.matched_random import matched_random
from sparse_circuits.circuits.proof.equivalence import equivalence, paired_difference
from sparse_circuits.circuits.proof.independence import hsic, independence
from sparse_circuits.circuits.proof.minimality import minimality
from sparse_circuits.circuits.proof.partial_necessity import partial_necessity
from sparse_circuits.circuits.proof.plan import COMPARED, PlannedRun, plan_proof, prove
from sparse_circuits.circuits.proof.sufficiency import sufficiency
from sparse_circuits.circuits.proof.verdict import Verdict
from sparse_circuits.config.site import Site
from worlds import seeded

EARLY, LATE = Site("resid_post", 0), Site("resid_post", 1)


# Equivalence


@pytest.mark.parametrize(
    ("wins", "ties", "n"), [(9, 0, 12), (3, 0, 12), (6, 0, 12), (0, 0, 12), (8, 3, 12), (7, 0, 13)]
)
def test_equivalence_p_is_the_share_of_outcomes_at_least_as_far_from_a_half(wins: int, ties: int, n: int) -> None:
    model = torch.zeros(n)
    circuit = torch.tensor([1.0] * wins + [0.0] * ties + [-1.0] * (n - wins - ties))
    t = abs((wins + ties / 2) / n - 0.5)
    expected = 0.0
    for coins in itertools.product((0, 1), repeat=n):
        if abs(sum(coins) / n - 0.5) >= t - 1e-12:
            expected += 0.6 ** sum(coins) * 0.4 ** (n - sum(coins))
    found = equivalence(model, circuit)
    assert found.statistic == pytest.approx(t)
    assert found.p == pytest.approx(expected, rel=1e-10)


def test_equivalence_rejects_at_most_at_its_level_at_the_edge_of_the_null_and_a_lower_circuit_surely() -> None:
    n, q = 200, 0.6
    rejects = [k for k in range(n + 1) if equivalence(torch.zeros(n), torch.arange(n).lt(k) * 2.0 - 1).reject]
    level = math.fsum(math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in rejects)
    assert 0.02 < level <= 0.05
    assert equivalence(seeded.normal(32), seeded.normal(32) - 0.1).reject


@pytest.mark.parametrize(("pairs", "finding"), [(8, "undecided"), (32, "for"), (100, "for")])
def test_a_circuit_that_is_the_model_is_equivalent_where_pairs_can_tell(pairs: int, finding: str) -> None:
    found = equivalence(seeded.normal(pairs), seeded.normal(pairs))
    assert (found.statistic, found.p, found.reject, found.finding) == (0, pytest.approx(1), False, finding)


def test_a_circuit_as_often_above_as_below_the_model_is_not_equivalent_when_it_is_wrong() -> None:
    """The relative clauses of the default study: right on 53 of 100 pairs, the model on 97, and H0 not rejected."""
    model = torch.cat([torch.full((97,), 2.0), torch.full((3,), -0.1)])
    circuit = torch.cat([torch.full((50,), 3.0), torch.full((47,), -1.0), torch.full((3,), 0.1)])
    found = equivalence(model, circuit)
    assert not found.reject
    assert (found.finding, found.says) == (
        "against",
        "the circuit is above the model on 53 of 100 pairs and below on 47, and right on 53 where the model is on 97",
    )


def test_intervals_of_paired_shares_cover_the_truth_nine_times_in_ten() -> None:
    for gain, loss, n in ((0.3, 0.3, 50), (0.05, 0.02, 100), (0.6, 0.1, 40)):
        drawn = np.random.default_rng(0).multinomial(n, [gain, loss, 1 - gain - loss], 4000)
        inside = [low < gain - loss < high for low, high in (paired_difference(*row[:2].tolist(), n) for row in drawn)]
        assert 0.88 < np.mean(inside) < 0.97


# Independence


def test_hsic_equals_a_slow_loop_and_its_p_counts_permutations() -> None:
    x, y = seeded.normal(9), seeded.normal(9, seed=1) + seeded.normal(9) ** 2
    orders = torch.stack([torch.randperm(9, generator=seeded.generator()) for _ in range(5)])
    expected = [_slow_hsic(x.tolist(), y[order].tolist()) for order in orders]
    torch.testing.assert_close(hsic(x, y, orders), torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0)


def _slow_hsic(x: list[float], y: list[float]) -> float:
    """tr(K H L H) / (n - 1)^2 as sums over pairs, triples and quadruples."""
    n = range(len(x))

    def kernel(values: list[float]) -> list[list[float]]:
        apart = sorted(abs(a - b) for a in values for b in values if a != b)
        bandwidth = apart[(len(apart) - 1) // 2]
        return [[math.exp(-((a - b) ** 2) / (2 * bandwidth**2)) for b in values] for a in values]

    k, other = kernel(x), kernel(y)
    pairs = sum(k[i][j] * other[i][j] for i in n for j in n)
    triples = sum(k[i][j] * other[i][m] for i in n for j in n for m in n)
    quadruples = sum(k[i][j] for i in n for j in n) * sum(other[i][j] for i in n for j in n)
    return (pairs - 2 * triples / len(x) + quadruples / len(x) ** 2) / (len(x) - 1) ** 2


def test_independence_p_is_near_that_of_all_permutations() -> None:
    x, y = seeded.normal(6), seeded.normal(6) + seeded.normal(6, seed=2)
    orders = torch.tensor(list(itertools.permutations(range(6))))
    values = hsic(x, y, orders)
    exact = (values >= values[0] - 1e-12).double().mean().item()
    found = independence(x, y, seeded.generator())
    assert found.statistic == pytest.approx(values[0].item(), rel=1e-12)
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 1000))


def test_independence_keeps_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_circuits.circuits.proof.independence.PERMUTATIONS", 99)
    trials = [independence(x, y, seeded.generator()).reject for x, y in seeded.normal(200, 2, 16)]
    assert 2 <= sum(trials) <= 20, "Bin(200, .05) lies there but for 1 in 1,000"


def test_independence_sees_what_correlation_does_not() -> None:
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 1e-12
    assert independence(x, x**2, seeded.generator()).reject


def test_a_complement_that_says_the_same_of_all_pairs_is_independent() -> None:
    found = independence(seeded.normal(30), torch.full((30,), 0.1), seeded.generator())
    assert found.statistic == pytest.approx(0, abs=1e-15)
    assert found.p == 1


def test_nothing_left_is_found_only_by_as_many_pairs_as_can_tell() -> None:
    few, many = (independence(seeded.normal(n), torch.full((n,), 0.1), seeded.generator()) for n in (8, 100))
    assert (few.reject, few.finding, many.reject, many.finding) == (False, "undecided", False, "for")
    weak = seeded.normal(60)
    followed = independence(weak, weak + 5 * seeded.normal(60, seed=3), seeded.generator())
    assert (followed.reject, followed.finding) == (False, "undecided"), "a rank correlation of .2 is not nothing"


def test_independence_knows_no_units() -> None:
    x, y = seeded.normal(20), seeded.normal(20, seed=1)
    assert independence(x, y, seeded.generator()).p == independence(100 * x + 7, -y, seeded.generator()).p


# Minimality, sufficiency, partial necessity


def _changed(model: Tensor, changes: list[float]) -> Tensor:
    """Metrics (run, pair) whose mean distance from `model` (pair,) is each of `changes`."""
    signs = torch.where(torch.arange(len(model)) % 2 == 0, 1.0, -1.0)
    return model + torch.tensor(changes, dtype=torch.float64)[:, None] * signs


def _upper_tail(n: int, q: float, count: int) -> float:
    """P(K >= count) for K ~ Bin(n, q), term by term."""
    return math.fsum(math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(count, n + 1))


@pytest.mark.parametrize("count", [0, 80, 90, 95, 96, 100])
def test_p_values_against_random_circuits_are_binomial_tails(count: int) -> None:
    model = seeded.normal(10)

    found = sufficiency(model, _changed(model, [2.0])[0], _changed(model, [3.0] * count + [1.0] * (100 - count)))
    assert (found.statistic, found.p) == (count, pytest.approx(_upper_tail(100, 0.9, count), rel=1e-9))
    assert found.reject == (count >= 96)

    found = partial_necessity(model, _changed(model, [2.0])[0], _changed(model, [1.0] * count + [3.0] * (100 - count)))
    assert (found.statistic, found.p) == (count, pytest.approx(_upper_tail(100, 0.9, count), rel=1e-9))
    assert found.reject == (count >= 96)

    minimal = minimality(
        model, _changed(model, [9.0, 2.0, 9.0]), _changed(model, [1.0] * count + [3.0] * (100 - count))
    )
    tail = 1 - _upper_tail(100, 0.9, count + 1)
    assert minimal.statistic == count / 100
    assert minimal.p == pytest.approx(min(1.0, 3 * tail), abs=1e-12)
    assert minimal.nodes.tolist() == [1, minimal.p, 1]
    assert minimal.reject == (count <= 80), "3 P(K <= 80) = .006, 3 P(K <= 90) > 1"


def test_tests_against_random_circuits_reject_as_often_as_the_null_at_its_edge_allows() -> None:
    model, draws = torch.zeros(1), torch.rand(500, 100, 1, generator=seeded.generator(), dtype=torch.float64)
    circuit = torch.tensor([0.9])
    share = sum(partial_necessity(model, circuit, random).reject for random in draws) / 500
    expected = _upper_tail(100, 0.9, 96)
    assert expected == pytest.approx(0.0237, abs=1e-4)
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / 500))
    against = sum(partial_necessity(model, circuit, random).finding == "against" for random in draws) / 500
    assert against == pytest.approx(0.0399, abs=4 * math.sqrt(0.0399 / 500)), "P(Bin(100, .9) <= 84)"
    share = sum(minimality(model, circuit[None], random).reject for random in draws) / 500
    allowed = 1 - _upper_tail(100, 0.9, 85)
    assert allowed == pytest.approx(0.0399, abs=1e-4)
    assert share == pytest.approx(allowed, abs=4 * math.sqrt(allowed / 500))
    # Bonferroni: of twenty nodes, all at the edge, one or more is called idle no more often than one alone.
    shares = [minimality(model, circuit.expand(20, 1), random).reject for random in draws]
    assert sum(shares) / 500 <= 0.01


def test_random_circuits_equal_to_the_circuit_count_against_it() -> None:
    model, same = seeded.normal(8), seeded.normal(8, seed=1)
    assert sufficiency(model, same, same.expand(100, 8)).statistic == 0
    assert partial_necessity(model, same, same.expand(100, 8)).statistic == 0


# The plan: a world in which nodes add up, and the circuit is known


PAIRS = 200
CANDIDATES = [Node(site, index) for site in (EARLY, LATE) for index in range(40)]
TRUE = [Node(EARLY, 0), Node(EARLY, 1), Node(EARLY, 2), Node(LATE, 0)]


def _additive_world() -> Callable[[PlannedRun], Tensor]:
    """The metric (pair,) of a run in a network where every node adds its part, and TRUE have the large ones."""
    parts = {node: 0.02 * seeded.normal(PAIRS, seed=i) for i, node in enumerate(CANDIDATES)}
    parts |= {node: 1 + seeded.normal(PAIRS, seed=1000 + i) for i, node in enumerate(TRUE)}

    def metric(run: PlannedRun) -> Tensor:
        kept = [part for node, part in parts.items() if (node in set(run.nodes)) != run.complement]
        return torch.stack([torch.zeros(PAIRS, dtype=torch.float64), *kept]).sum(dim=0)

    return metric


def _proved(circuit: list[Node]) -> dict[str, Verdict]:
    world = _additive_world()
    plan = plan_proof(circuit, CANDIDATES, seeded.generator())
    metric = torch.stack([world(run) for runs in plan.values() for run in runs])
    assert len(metric) == 303 + len(circuit)
    compared = torch.stack([world(plan[name][0]) for name in COMPARED])
    return prove(plan, metric, compared, seeded.generator())


def test_the_true_circuit_passes_every_test() -> None:
    assert {name: verdict.finding for name, verdict in _proved(TRUE).items()} == dict.fromkeys(
        ("equivalence", "independence", "minimality", "sufficiency", "partial_necessity"), "for"
    )


def test_half_of_the_circuit_leaves_the_other_half_behind() -> None:
    found = _proved(TRUE[:2])
    assert found["independence"].reject, "the complement still follows the model"
    assert found["equivalence"].reject, "the circuit is below the model"


def test_a_wrong_circuit_is_neither_sufficient_nor_necessary() -> None:
    found = _proved([Node(EARLY, 10), Node(EARLY, 11), Node(LATE, 12)])
    assert found["sufficiency"].finding != "for"
    assert found["partial_necessity"].finding != "for"
    assert found["independence"].reject


def test_an_idle_node_is_named() -> None:
    found = _proved([*TRUE, Node(LATE, 30)])["minimality"]
    assert found.reject
    assert (found.nodes <= 0.05).tolist() == [False, False, False, False, True]


def test_random_circuits_match_site_by_site_and_the_generator_chooses_them() -> None:
    plan = plan_proof(TRUE, CANDIDATES, seeded.generator())
    for run in plan["random"]:
        assert sorted(node.site.layer for node in run.nodes) == [0, 0, 0, 1]
        assert len(set(run.nodes)) == 4
        assert set(run.nodes) <= set(CANDIDATES)
    assert [run.nodes for run in plan["random_complement"]] == [run.nodes for run in plan["random"]]
    assert all(run.complement for run in plan["random_complement"])
    assert len({frozenset(run.nodes) for run in plan["random"]}) > 95
    assert [set(TRUE) - set(run.nodes) for run in plan["without_node"]] == [{node} for node in TRUE]
    added = [set(run.nodes) - set(TRUE) for run in plan["inflated"]]
    assert all(len(nodes) == 1 for nodes in added)
    late = sum(node.site == LATE for (node,) in added)
    assert 10 <= late <= 40, "one in four, as in the circuit"
    assert plan == plan_proof(TRUE, CANDIDATES, seeded.generator())
    assert plan != plan_proof(TRUE, CANDIDATES, seeded.generator(1))


def test_every_candidate_is_as_likely_to_be_in_a_random_circuit() -> None:
    generator = seeded.generator()
    counts = torch.zeros(40)
    for _ in range(2000):
        for node in matched_random(TRUE, CANDIDATES, generator):
            counts[node.index] += node.site == EARLY
    assert (counts - 150).abs().max() < 4.5 * math.sqrt(150), "2,000 draws of 3 in 40"


def test_runs_keep_their_nodes_or_all_others_and_error_nodes_always() -> None:
    basis = {EARLY: Coordinates(4), LATE: Coordinates(3)}
    nodes = [Node(EARLY, 1), Node(LATE, 2), Node(LATE, None)]
    bench = Bench(None, [], basis)
    kept, others = (PlannedRun(nodes, complement).circuit(bench) for complement in (False, True))
    assert kept.kept[EARLY].tolist() == [[False, True, False, False]]
    assert kept.kept[LATE].tolist() == [[False, False, True]]
    assert all(torch.equal(kept.kept[site], ~others.kept[site]) for site in basis)
    assert kept.errors
    assert others.errors
    plan = plan_proof([*TRUE, Node(LATE, None)], CANDIDATES, seeded.generator())
    assert plan == plan_proof(TRUE, CANDIDATES, seeded.generator()), "error nodes are not tested"


def test_circuits_of_which_nothing_can_be_proved_are_refused() -> None:
    with pytest.raises(StudyError, match="the circuit has no nodes"):
        plan_proof([], CANDIDATES, seeded.generator())
    with pytest.raises(StudyError, match=r"node resid_post\.1/99 of the circuit is not among the candidates"):
        plan_proof([*TRUE, Node(LATE, 99)], CANDIDATES, seeded.generator())
    with pytest.raises(StudyError, match="nothing is left to compare its nodes with"):
        plan_proof(TRUE, TRUE, seeded.generator())
