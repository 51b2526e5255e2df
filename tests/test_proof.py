"""The proof of a circuit: tests keep their level and find what was planted, and controls take the answer away."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor

from sparse_circuits.circuits.basis import Coordinates, Node
from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.circuits.proof import Run, Verdict, areas, largest, matched_random, plan_proof, prove, stability
from sparse_circuits.circuits.proof.controls import LIMIT, nonsense_gain, shuffled_faithfulness
from sparse_circuits.circuits.proof.equivalence import equivalence
from sparse_circuits.circuits.proof.independence import hsic, independence
from sparse_circuits.circuits.proof.minimality import minimality
from sparse_circuits.circuits.proof.partial_necessity import partial_necessity
from sparse_circuits.circuits.proof.stability import jaccard
from sparse_circuits.circuits.proof.sufficiency import sufficiency
from sparse_circuits.config import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.models import load_tokenizer
from sparse_circuits.tasks import agreement_pairs, encode_pairs, logit_difference
from sparse_circuits.tasks.controls import nonsense_task, nonsense_words, shuffled_labels, swapped_half

EARLY, LATE = Site("resid_post", 0), Site("resid_post", 1)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=_generator(seed), dtype=torch.float64)


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
    assert equivalence(_normal(32), _normal(32) - 0.1).reject


def test_a_circuit_that_is_the_model_is_equivalent() -> None:
    found = equivalence(_normal(32), _normal(32))
    assert (found.statistic, found.p, found.reject, found.speaks_for) == (0, 1, False, True)


# Independence


def test_hsic_equals_a_slow_loop_and_its_p_counts_permutations() -> None:
    x, y = _normal(9), _normal(9, seed=1) + _normal(9) ** 2
    orders = torch.stack([torch.randperm(9, generator=_generator()) for _ in range(5)])
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
    x, y = _normal(6), _normal(6) + _normal(6, seed=2)
    orders = torch.tensor(list(itertools.permutations(range(6))))
    values = hsic(x, y, orders)
    exact = (values >= values[0] - 1e-12).double().mean().item()
    found = independence(x, y, _generator())
    assert found.statistic == pytest.approx(values[0].item(), rel=1e-12)
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 1000))


def test_independence_keeps_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_circuits.circuits.proof.independence.PERMUTATIONS", 99)
    trials = [independence(x, y, _generator()).reject for x, y in _normal(200, 2, 16)]
    assert 2 <= sum(trials) <= 20, "Bin(200, .05) lies there but for 1 in 1,000"


def test_independence_sees_what_correlation_does_not() -> None:
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 1e-12
    assert independence(x, x**2, _generator()).reject


def test_a_complement_that_says_the_same_of_all_pairs_is_independent() -> None:
    found = independence(_normal(30), torch.full((30,), 0.1), _generator())
    assert found.statistic == pytest.approx(0, abs=1e-15)
    assert found.p == 1


def test_independence_knows_no_units() -> None:
    x, y = _normal(20), _normal(20, seed=1)
    assert independence(x, y, _generator()).p == independence(100 * x + 7, -y, _generator()).p


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
    model = _normal(10)

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
    model, draws = torch.zeros(1), torch.rand(500, 100, 1, generator=_generator(), dtype=torch.float64)
    circuit = torch.tensor([0.9])
    share = sum(partial_necessity(model, circuit, random).reject for random in draws) / 500
    expected = _upper_tail(100, 0.9, 96)
    assert expected == pytest.approx(0.0237, abs=1e-4)
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / 500))
    share = sum(minimality(model, circuit[None], random).reject for random in draws) / 500
    allowed = 1 - _upper_tail(100, 0.9, 85)
    assert allowed == pytest.approx(0.0399, abs=1e-4)
    assert share == pytest.approx(allowed, abs=4 * math.sqrt(allowed / 500))
    # Bonferroni: of twenty nodes, all at the edge, one or more is called idle no more often than one alone.
    shares = [minimality(model, circuit.expand(20, 1), random).reject for random in draws]
    assert sum(shares) / 500 <= 0.01


def test_random_circuits_equal_to_the_circuit_count_against_it() -> None:
    model, same = _normal(8), _normal(8, seed=1)
    assert sufficiency(model, same, same.expand(100, 8)).statistic == 0
    assert partial_necessity(model, same, same.expand(100, 8)).statistic == 0


# The plan: a world in which nodes add up, and the circuit is known


CANDIDATES = [Node(site, index) for site in (EARLY, LATE) for index in range(40)]
TRUE = [Node(EARLY, 0), Node(EARLY, 1), Node(EARLY, 2), Node(LATE, 0)]


def _additive_world() -> Callable[[Run], Tensor]:
    """The metric (pair,) of a run in a network where every node adds its part, and TRUE have the large ones."""
    parts = {node: 0.02 * _normal(40, seed=i) for i, node in enumerate(CANDIDATES)}
    parts |= {node: 1 + _normal(40, seed=1000 + i) for i, node in enumerate(TRUE)}

    def metric(run: Run) -> Tensor:
        kept = [part for node, part in parts.items() if (node in set(run.nodes)) != run.complement]
        return torch.stack([torch.zeros(40, dtype=torch.float64), *kept]).sum(dim=0)

    return metric


def _proved(circuit: list[Node]) -> dict[str, Verdict]:
    world = _additive_world()
    plan = plan_proof(circuit, CANDIDATES, _generator())
    metric = torch.stack([world(run) for runs in plan.values() for run in runs])
    assert len(metric) == 303 + len(circuit)
    return prove(plan, metric, _generator())


def test_the_true_circuit_passes_every_test() -> None:
    assert {name: verdict.speaks_for for name, verdict in _proved(TRUE).items()} == dict.fromkeys(
        ("equivalence", "independence", "minimality", "sufficiency", "partial_necessity"), True
    )


def test_half_of_the_circuit_leaves_the_other_half_behind() -> None:
    found = _proved(TRUE[:2])
    assert found["independence"].reject, "the complement still follows the model"
    assert found["equivalence"].reject, "the circuit is below the model"


def test_a_wrong_circuit_is_neither_sufficient_nor_necessary() -> None:
    found = _proved([Node(EARLY, 10), Node(EARLY, 11), Node(LATE, 12)])
    assert not found["sufficiency"].speaks_for
    assert not found["partial_necessity"].speaks_for
    assert found["independence"].reject


def test_an_idle_node_is_named() -> None:
    found = _proved([*TRUE, Node(LATE, 30)])["minimality"]
    assert found.reject
    assert (found.nodes <= 0.05).tolist() == [False, False, False, False, True]


def test_random_circuits_match_site_by_site_and_the_generator_chooses_them() -> None:
    plan = plan_proof(TRUE, CANDIDATES, _generator())
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
    assert plan == plan_proof(TRUE, CANDIDATES, _generator())
    assert plan != plan_proof(TRUE, CANDIDATES, _generator(1))


def test_every_candidate_is_as_likely_to_be_in_a_random_circuit() -> None:
    generator = _generator()
    counts = torch.zeros(40)
    for _ in range(2000):
        for node in matched_random(TRUE, CANDIDATES, generator):
            counts[node.index] += node.site == EARLY
    assert (counts - 150).abs().max() < 4.5 * math.sqrt(150), "2,000 draws of 3 in 40"


def test_runs_keep_their_nodes_or_all_others_and_error_nodes_always() -> None:
    basis = {EARLY: Coordinates(4), LATE: Coordinates(3)}
    nodes = [Node(EARLY, 1), Node(LATE, 2), Node(LATE, None)]
    kept, others = (Run(nodes, complement).circuit(basis, 1) for complement in (False, True))
    assert kept.kept[EARLY].tolist() == [[False, True, False, False]]
    assert kept.kept[LATE].tolist() == [[False, False, True]]
    assert all(torch.equal(kept.kept[site], ~others.kept[site]) for site in basis)
    assert kept.errors
    assert others.errors
    plan = plan_proof([*TRUE, Node(LATE, None)], CANDIDATES, _generator())
    assert plan == plan_proof(TRUE, CANDIDATES, _generator()), "error nodes are not tested"


def test_circuits_of_which_nothing_can_be_proved_are_refused() -> None:
    with pytest.raises(StudyError, match="the circuit has no nodes"):
        plan_proof([], CANDIDATES, _generator())
    with pytest.raises(StudyError, match=r"node resid_post\.1/99 of the circuit is not among the candidates"):
        plan_proof([*TRUE, Node(LATE, 99)], CANDIDATES, _generator())
    with pytest.raises(StudyError, match="nothing is left to compare its nodes with"):
        plan_proof(TRUE, TRUE, _generator())


# Stability


def _top(size: int) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda mean, error: largest(mean.abs(), size)


def test_means_and_errors_of_resamples_are_those_of_the_resampled_scores() -> None:
    scores = 1e6 + _normal(8, 5)
    drawn = torch.randint(8, (3, 8), generator=_generator())
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
    scores = torch.where(torch.arange(100) < 10, 1 + 0.5 * _normal(32, 100), 0.05 * _normal(32, 100, seed=1))
    signs = torch.where(torch.from_numpy(swapped_half(32, 0)), -1.0, 1.0)[:, None]
    mean, error = mean_and_error(scores)
    assert (lower_bound(mean, error)[:10] > 0.5).all()
    mean, error = mean_and_error(scores * signs)
    assert (mean.abs().topk(10).indices < 10).sum() >= 6, "one random draw in 30,000 has six of the ten"
    assert (lower_bound(mean, error)[:10] > 0).sum() <= 1


def test_pairs_that_say_the_same_give_the_same_circuit() -> None:
    found = stability(_normal(50).expand(12, 50), _top(7), 100, _generator())
    assert (found.jaccard, found.jaccard_with_all) == (1, 1)
    assert found.consensus.nonzero().flatten().tolist() == sorted(_normal(50).abs().topk(7).indices.tolist())


def test_circuits_of_pure_noise_overlap_as_random_sets_do() -> None:
    nodes, size = 60, 12
    masks = largest(_normal(400, nodes).abs(), size)
    first, second = torch.triu_indices(400, 400, offset=1)
    k = np.arange(size + 1)
    expected = float((hypergeom.pmf(k, nodes, size, size) * k / (2 * size - k)).sum())
    assert jaccard(masks, masks)[first, second].mean().item() == pytest.approx(expected, abs=0.003)


def test_resamples_of_noise_agree_less_than_those_of_a_signal() -> None:
    noise = _normal(32, 300)
    signal = noise + 2.0 * (torch.arange(300) < 20)
    assert stability(signal, _top(20), 100, _generator()).jaccard > 0.9
    found = stability(noise, _top(20), 100, _generator())
    assert found.jaccard < 0.4
    assert found.jaccard < found.jaccard_with_all, "a resample is nearer to the data than to another resample"


def test_stability_equals_a_loop_over_resamples() -> None:
    scores = _normal(9, 30) * (torch.arange(30) % 5 > 0)
    generator = _generator(3)
    drawn = torch.randint(9, (20, 9), generator=generator)
    circuits = []
    for rows in drawn:
        mean = scores[rows].mean(dim=0).abs()
        circuits.append({i for i in range(30) if mean[i] > 0 and (mean > mean[i]).sum() < 6})
    pairs = [len(a & b) / len(a | b) for a, b in itertools.combinations(circuits, 2)]
    found = stability(scores, _top(6), 20, _generator(3))
    assert found.jaccard == pytest.approx(np.mean(pairs))
    shares = [sum(node in circuit for circuit in circuits) / 20 for node in range(30)]
    assert found.share.tolist() == pytest.approx(shares)
    assert found.consensus.tolist() == [share >= 0.9 for share in shares]


def test_silent_nodes_are_in_no_circuit_and_empty_circuits_are_equal() -> None:
    scores = torch.zeros(5, 8)
    scores[:, 2] = 1.0
    found = stability(scores, _top(4), 10, _generator())
    assert found.share.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert stability(torch.zeros(5, 8), _top(4), 10, _generator()).jaccard == 1


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


# Control tasks


@pytest.mark.parametrize("count", [40, 41])
def test_shuffled_labels_turn_the_sign_of_half_of_the_metric(count: int, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    pairs = agreement_pairs("nounpp", "train", count, 0, tokenizer)
    shuffled = shuffled_labels(pairs, 5)
    swapped = torch.from_numpy(swapped_half(count, 5))
    assert swapped.sum() == count // 2
    assert shuffled == shuffled_labels(pairs, 5) != shuffled_labels(pairs, 6)
    assert [(p.id, p.clean, p.patch, p.variables) for p in shuffled] == [
        (p.id, p.clean, p.patch, p.variables) for p in pairs
    ]
    ((_, real),), ((_, control),) = (encode_pairs(part, tokenizer, 0) for part in (pairs, shuffled))
    logits = torch.randn(count, len(tokenizer), generator=_generator())
    signs = torch.where(swapped, -1.0, 1.0)
    assert torch.equal(logit_difference(logits, control), signs * logit_difference(logits, real))


def test_nonsense_answers_are_unused_single_tokens_alike_in_both_splits(tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    train, test = (agreement_pairs("nounpp", split, 30, 0, tokenizer) for split in ("train", "test"))
    words = nonsense_words(train + test, tokenizer, 0)
    assert words == nonsense_words(train + test, tokenizer, 0) != nonsense_words(train + test, tokenizer, 1)
    assert len(set(words.values())) == len(words) == 6
    texts = {word for pair in train + test for word in f"{pair.clean} {pair.patch}".split()}
    assert not {word.strip() for word in words.values()} & (texts | {answer.strip() for answer in words})
    for pairs in (train, test):
        nonsense = nonsense_task(pairs, words)
        encode_pairs(nonsense, tokenizer, 0)  # refuses answers of more than one token
        for real, control in zip(pairs, nonsense, strict=True):
            assert (control.id, control.clean, control.patch) == (real.id, real.clean, real.patch)
            assert control.answers == [words[answer] for answer in real.answers]
            assert not set(control.answers) & set(control.patch_answers)


def test_too_few_words_for_nonsense_are_told(tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    (pair,) = agreement_pairs("simple", "train", 1, 0, tokenizer)
    many = [
        type(pair)("x", pair.clean, pair.patch, [f" a{i}" for i in range(5000)], pair.patch_answers) for _ in range(1)
    ]
    with pytest.raises(StudyError, match=r"nonsense answers: the tokenizer has \d+ words of one token .* 5003 wanted"):
        nonsense_words(many, tokenizer, 0)


def test_a_circuit_of_shuffled_labels_fails_the_control_only_if_it_does_the_real_task() -> None:
    model, empty = 4 + _normal(30), _normal(30)
    assert shuffled_faithfulness(model, empty, empty) == pytest.approx(0)
    assert shuffled_faithfulness(model, empty, model) == pytest.approx(1)
    half = (model + empty) / 2
    assert shuffled_faithfulness(model, empty, half) == pytest.approx(0.5)


@pytest.mark.parametrize("by_chance", [-2.0, 0.0, 2.0])
def test_nonsense_that_the_model_has_by_chance_is_no_gain_and_made_up_nonsense_is(by_chance: float) -> None:
    model, empty = torch.full((10,), 4.0), torch.zeros(10)
    n_model, n_empty = torch.full((10,), by_chance), torch.zeros(10)
    for faithful in (n_model, n_empty, (n_model + n_empty) / 2):
        assert nonsense_gain(model, empty, n_model, n_empty, faithful) <= 0
    made_up = n_empty + max(by_chance, 0) + 3
    assert nonsense_gain(model, empty, n_model, n_empty, made_up) == pytest.approx(0.75)
    assert LIMIT < 0.75
