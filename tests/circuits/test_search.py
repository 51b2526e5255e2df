"""Searches for minimal circuits find planted ones, and what they claim is true by intervention."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Coordinates, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.search.backward_elimination import eliminate
from sparse_circuits.circuits.search.bisection import smallest, smallest_circuit
from sparse_circuits.circuits.search.hard_concrete import Lagrangian, open_probability, sample_gates
from sparse_circuits.circuits.search.heaviside import step
from sparse_circuits.circuits.search.problem import SPARED, Problem, pose, spare, split_pairs
from sparse_circuits.circuits.search.registry import SEARCHES, minimal_circuit
from sparse_circuits.config.minimise_circuit import MinimalCircuits, MinimiseCircuit
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.tasks.pairs import PairBatch

SITES = [Site("resid_post", 0), Site("resid_post", 1)]
PLANTED = {3: 3.0, 7: 2.2, 11: 1.3}  # channels of the residual stream, and how much each says of the answer
PAIRS, RIGHT, WRONG = 16, 0, 1


@pytest.fixture(scope="module")
def planted(tiny: Model) -> Model:
    """A model that knows of an even token by three channels of its embedding, and does nothing in its layers.

    The other channels are noise, which the unembedding hardly reads, but for channel 0: it is large and the same for
    all tokens, so that the norm's scale does not depend on what is ablated.
    """
    model = deepcopy(tiny.network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedding = torch.randn(model.config.vocab_size, model.config.hidden_size, generator=generator)
        unembedding = 0.01 * torch.randn(embedding.shape, generator=generator)
        embedding[:, 0] = 100.0
        unembedding[:, 0] = 0.0
        even = torch.arange(len(embedding)) % 2 == 0
        for channel, weight in PLANTED.items():
            embedding[:, channel] = torch.where(even, 1.0, -1.0)
            unembedding[RIGHT, channel] = weight
        model.model.embed_tokens.weight = torch.nn.Parameter(embedding, requires_grad=False)
        model.lm_head.weight = torch.nn.Parameter(unembedding, requires_grad=False)
        model.model.norm.weight.fill_(1.0)
    return replace(tiny, network=model)


def _pairs(count: int) -> PairBatch:
    """Even and odd tokens by turns after the separator; the answer is told from the clean one's parity."""
    tokens = torch.arange(10, 10 + count)
    clean, patch = (torch.stack([torch.zeros_like(tokens), t], dim=1) for t in (tokens, tokens ^ 1))
    even = (tokens % 2 == 0).long().unsqueeze(1)
    return PairBatch(clean, patch, torch.where(even == 1, RIGHT, WRONG), torch.where(even == 1, WRONG, RIGHT))


@pytest.fixture(scope="module")
def problem(planted: Model) -> Problem:
    basis = {site: Coordinates(planted.d_model) for site in SITES}
    groups = [(list(range(PAIRS)), _pairs(PAIRS))]
    scores = score_nodes(Bench(planted, groups, basis, batch_tokens=1000), Scoring(method="relp"))
    return pose(Bench(planted, groups, basis, batch_tokens=512), scores, MinimiseCircuit(sites=[], candidates=40))


def _nodes(*channels: int) -> set[Node]:
    return {Node(site, channel) for site in SITES for channel in channels}


def _faithfulness(problem: Problem, circuits: Sequence[set[Node]]) -> list[float]:
    """Written out anew, from the metrics of circuits run by themselves."""
    judge = problem.held_out
    ends = [Circuit.of([], judge.basis, errors=False), Circuit.whole(judge.basis)]
    kept = [*ends, *(Circuit.of(list(nodes), judge.basis) for nodes in circuits)]
    metric = [
        Bench(judge.model, judge.groups, judge.basis, judge.ablation, batch_tokens=10**6).run([c]).metric.mean().item()
        for c in kept
    ]
    return [(m - metric[0]) / (metric[1] - metric[0]) for m in metric[2:]]


@pytest.mark.parametrize("search", SEARCHES)
def test_every_search_finds_the_planted_circuit(problem: Problem, search: str) -> None:
    """Of the three channels, the first two carry .8 at both sites: a target of .7 needs them, .95 needs all three."""
    for target, channels in ((0.7, (3, 7)), (0.95, (3, 7, 11))):
        found = minimal_circuit(problem, MinimalCircuits(search=search, target=target))
        assert set(found.without) == _nodes(*channels)
        assert found.faithfulness >= target


@pytest.mark.parametrize("search", ["hard_concrete", "heaviside", "greedy"])
def test_what_learns_from_the_model_finds_it_from_a_misleading_order(problem: Problem, search: str) -> None:
    """With the scores turned about, thresholds need everything; the others look for themselves."""
    wrong = replace(problem, candidates=problem.candidates[::-1], scores=torch.linspace(1.0, 0.1, 40))
    assert len(smallest_circuit(wrong.held_out, wrong.candidates, 0.7)) > 30
    found = minimal_circuit(wrong, MinimalCircuits(search=search, target=0.7))
    assert set(found.without) == _nodes(3, 7)
    assert found.bisected <= 20


def test_no_single_node_can_go_and_the_proof_is_true(problem: Problem) -> None:
    left = eliminate(problem.held_out, problem.candidates, 0.7)
    (whole, *without) = _faithfulness(problem, [set(left), *(set(left) - {node} for node in left)])
    assert whole >= 0.7
    assert max(without) < 0.7
    assert list(left.values()) == pytest.approx(without, abs=1e-5)


def test_bisection_finds_the_smallest_size() -> None:
    for sizes in range(1, 40):
        for first in range(1, sizes + 1):
            asked: list[int] = []

            def holds(size: int, first: int = first, asked: list[int] = asked) -> bool:
                asked.append(size)
                return size >= first

            assert smallest(sizes, holds) == first
            assert len(asked) <= sizes.bit_length()


def test_a_target_out_of_reach_is_said_so(problem: Problem) -> None:
    few, settings = (
        replace(problem, candidates=problem.candidates[-2:]),
        MinimalCircuits(search="thresholds", target=0.99),
    )
    with pytest.raises(StudyError, match=r"all 2 candidates reach a faithfulness of .*, the target is 0.99"):
        minimal_circuit(few, settings)


def test_held_out_pairs_are_the_last_ones_and_no_others() -> None:
    lengths = [[0, 2, 5, 6], [1, 3, 4, 7]]
    every = _pairs(8)
    train, held_out = split_pairs([(part, every.take(part)) for part in lengths], 0.25)
    assert [indices for indices, _ in train] == [[0, 2, 5], [1, 3, 4]]
    assert [indices for indices, _ in held_out] == [[0], [1]]
    assert torch.equal(torch.cat([part.clean for _, part in held_out]), every.clean[6:])
    with pytest.raises(StudyError, match="two pairs or more"):
        split_pairs([([0], every.take([0]))], 0.25)


def test_gates_are_zero_as_often_as_the_formula_says_and_their_gradient_is_right() -> None:
    generator = torch.Generator().manual_seed(0)
    log_alpha = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    uniform = torch.rand(200_000, 1, generator=generator, dtype=torch.float64)
    gates = sample_gates(log_alpha, uniform)
    share = (gates > 0).double().mean(dim=0)
    torch.testing.assert_close(share, open_probability(log_alpha).detach(), rtol=0, atol=5e-3)
    # d E[gate] / d log alpha by reparametrisation, against differences of the mean of the same noise.
    (ours,) = torch.autograd.grad(gates.mean(dim=0).sum(), log_alpha)
    higher, lower = (sample_gates(log_alpha.detach() + move, uniform).mean(dim=0) for move in (1e-3, -1e-3))
    torch.testing.assert_close(ours, (higher - lower) / 2e-3, rtol=1e-2, atol=1e-5)
    (slope,) = torch.autograd.grad(open_probability(log_alpha).sum(), log_alpha)
    torch.testing.assert_close(slope, open_probability(log_alpha) * (1 - open_probability(log_alpha)))


def test_the_lagrangian_brings_the_number_of_gates_to_its_target() -> None:
    """Against a loss that wants every gate open."""
    log_alpha = torch.full((200,), 2.0, requires_grad=True)
    optimiser = torch.optim.Adam([log_alpha], lr=0.05)
    lagrangian = Lagrangian(0.05)
    for _ in range(1500):
        number = open_probability(log_alpha).sum()
        loss = -number / 200 + lagrangian.penalty(number, 50.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert open_probability(log_alpha).sum().item() == pytest.approx(50, rel=0.03)


def test_the_step_is_0_or_1_and_its_backward_the_derivative_of_the_sigmoid() -> None:
    tau = torch.tensor([-1.0, -0.3, 0.0, 0.2, 1.0], dtype=torch.float64, requires_grad=True)
    gates = step(tau)
    assert gates.tolist() == [0, 0, 0, 1, 1]
    (ours,) = torch.autograd.grad((gates * torch.arange(1.0, 6)).sum(), tau)
    (sigmoid,) = torch.autograd.grad((tau.sigmoid() * torch.arange(1.0, 6)).sum(), tau)
    torch.testing.assert_close(ours, sigmoid)


def test_a_random_few_of_the_closed_gates_are_spared_and_the_others_keep_their_gradients() -> None:
    gates = torch.tensor([0.0, 0.3, 1.0]).repeat(400, 1000).requires_grad_()
    spared = spare(gates, torch.Generator().manual_seed(0))
    changed = spared != gates
    assert (spared[changed] == 1).all()
    shares = changed[:, gates[0] == 0].float().mean(dim=1)
    assert shares.max() < SPARED + 0.05
    assert shares.mean().item() == pytest.approx(SPARED / 2, rel=0.1)
    (gradient,) = torch.autograd.grad(spared.sum(), gates)
    assert torch.equal(gradient[changed], torch.zeros(int(changed.sum())))
    assert (gradient[~changed] == 1).float().mean() > 1 - SPARED


def test_a_masked_run_is_the_circuit_run(problem: Problem) -> None:
    gates = (torch.rand(3, len(problem.candidates), generator=torch.Generator().manual_seed(3)) < 0.5).float()
    batch = next(problem.batches(1))
    metric = batch.run(gates).detach()
    circuits = [[n for n, g in zip(problem.candidates, row, strict=True) if g] for row in gates.tolist()]
    judge = replace(problem.train, groups=[(list(range(len(batch.batch))), batch.batch)])
    expected = (
        Bench(judge.model, judge.groups, judge.basis, judge.ablation, batch_tokens=10**6)
        .run([Circuit.of(c, judge.basis) for c in circuits])
        .metric
    )
    torch.testing.assert_close(metric, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("search", ["hard_concrete", "heaviside"])
def test_the_same_seed_gives_the_same_ranking(problem: Problem, search: str) -> None:
    assert SEARCHES[search](problem, 0.7) == SEARCHES[search](problem, 0.7)
