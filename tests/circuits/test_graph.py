"""Attribution graphs: weights are what interventions on the frozen model measure; influence is the infinite sum."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.graph.influence import graph_scores, influence, normalised
from sparse_circuits.circuits.graph.pruning import prune
from sparse_circuits.circuits.graph.trace import AttributionGraph, trace_prompt
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from worlds.frozen import frozen
from worlds.networks import RESIDUAL, TRIANGLE, UNCAPPED, features, language

PROMPT = torch.tensor([[0, 5, 6, 7, 9]])
TRANSCODERS = {Site("mlp_out", layer): features(layer, Site("mlp_in", layer)) for layer in (0, 1)}


@pytest.fixture(params=UNCAPPED, ids=lambda config: config.model_type)
def model(request: pytest.FixtureRequest) -> Model:
    return language(request.param)


@pytest.fixture
def llama() -> Model:
    return language(UNCAPPED[0])


def _check(model: Model, basis: dict[Site, Features]) -> None:
    """Take each node away alone, hold all others, and see what every target loses."""
    graph = trace_prompt(model, PROMPT, basis)
    reads = {site: part.reads or site for site, part in basis.items()}
    clean = run(model, PROMPT, read=list({Site("embed"), *basis, *reads.values()})).activations
    moves = {site: torch.zeros(graph.size, *clean[site].shape[1:]) for site in (Site("embed"), *basis)}
    for number in np.flatnonzero(~graph.is_logit):
        site, position, index = graph.site_names[graph.sites[number]], graph.positions[number], graph.indices[number]
        if site == Site("embed"):
            written = clean[site][0, position]
        elif index < 0:
            sae = basis[site].sae
            written = clean[site][0, position] - sae.decode(sae.encode(clean[reads[site]][0]))[position]
        else:
            written = graph.values[number].astype(np.float32) * basis[site].sae.W_dec[index]
        moves[site][number, position] = written

    def passed(sign: float) -> tuple[dict[Site, Tensor], Tensor]:
        seen: dict[Site, Tensor] = {}

        def visit(site: Site) -> Callable[[Tensor], Tensor]:
            def edit(x: Tensor) -> Tensor:
                seen[site] = x
                return clean[site] + sign * moves[site] if site in moves else x

            return edit

        edits = {site: visit(site) for site in {*moves, *reads.values()}}
        logits = run(model, PROMPT.repeat(graph.size, 1), edit=edits, logits="last").logits
        return seen, logits[:, -1] - logits[:, -1].mean(dim=-1, keepdim=True)

    with torch.no_grad(), frozen(model, PROMPT):
        (before, logits), (after, logits_after) = passed(0.0), passed(-1.0)
    expected = np.zeros((graph.size, graph.size))
    for number in range(graph.size):
        index, position = graph.indices[number], graph.positions[number]
        if graph.is_logit[number]:
            expected[number] = (logits - logits_after)[:, index]
        elif not graph.is_token[number] and index >= 0:
            site = graph.site_names[graph.sites[number]]
            moved = (before[reads[site]] - after[reads[site]])[:, position]
            expected[number] = moved @ basis[site].sae.W_enc[:, index]
    scale = abs(expected).max()
    assert scale > 0.1
    np.testing.assert_allclose(graph.weights.toarray(), expected, atol=1e-4 * max(1, scale))


def test_every_weight_is_what_taking_the_source_away_does_to_the_target(model: Model) -> None:
    _check(model, TRANSCODERS)


@pytest.mark.parametrize("sites", [RESIDUAL, TRIANGLE])
def test_weights_between_autoencoders_are_measured_too(llama: Model, sites: list[Site]) -> None:
    _check(llama, {site: features(seed) for seed, site in enumerate(sites)})


def test_what_reaches_a_feature_is_its_pre_activation(llama: Model) -> None:
    """Where nothing has a bias, tokens, features, errors and decoder biases make up all that a target reads."""
    graph = trace_prompt(llama, PROMPT, TRANSCODERS)
    for number in np.flatnonzero(graph.is_feature):
        assert graph.weights[[number]].sum() == pytest.approx(graph.values[number], rel=1e-3, abs=1e-3)
    for number in np.flatnonzero(graph.is_logit):
        assert graph.weights[[number]].sum() == pytest.approx(graph.values[number], rel=1e-3, abs=1e-3)


def test_with_fewer_nodes_the_kept_rows_are_the_same(llama: Model) -> None:
    whole, part = (trace_prompt(llama, PROMPT, TRANSCODERS, max_nodes=count) for count in (1000, 7))
    assert part.is_feature.sum() == 7
    place = {key: number for number, key in enumerate(zip(whole.sites, whole.positions, whole.indices, strict=True))}
    columns = [place[key] for key in zip(part.sites, part.positions, part.indices, strict=True)]
    expected = whole.weights.toarray()[np.ix_(columns, columns)]
    np.testing.assert_allclose(part.weights.toarray(), expected, rtol=1e-3, atol=1e-6)


def test_logits_are_the_smallest_set_with_the_mass(llama: Model) -> None:
    probabilities = run(llama, PROMPT, logits="last").logits[0, -1].softmax(dim=-1).sort(descending=True)
    for mass, most in ((0.5, 50), (0.95, 50), (0.95, 3)):
        graph = trace_prompt(llama, PROMPT, TRANSCODERS, mass, most)
        found = graph.probabilities[graph.is_logit]
        assert len(found) == most or (found.sum() >= mass and found[:-1].sum() < mass)
        np.testing.assert_array_equal(graph.indices[graph.is_logit], probabilities.indices[: len(found)])


def _random_graph(seed: int) -> AttributionGraph:
    rng = np.random.default_rng(seed)
    sites = np.repeat([0, 1, 2, 3], [3, 8, 8, 2])
    weights = rng.normal(size=(21, 21)) * (rng.random((21, 21)) < 0.5) * (sites[:, None] > sites)
    indices = np.where(np.arange(21) % 4 == 3, -1, np.arange(21))
    weights[(indices < 0) & (sites < 3)] = 0
    probabilities = np.where(sites == 3, [0.0] * 19 + [0.6, 0.3], 0)
    names = [Site("embed"), *RESIDUAL]
    zeros = np.zeros(21)
    return AttributionGraph(names, sites, zeros.astype(int), indices, zeros, probabilities, csr_array(weights))


@pytest.mark.parametrize("seed", range(5))
def test_one_pass_is_the_infinite_sum(seed: int) -> None:
    graph = _random_graph(seed)
    shares = normalised(graph.weights)
    total = influence(shares, np.arange(21), graph.levels, graph.probabilities)
    expected = graph.probabilities @ np.linalg.inv(np.eye(21) - shares.toarray())
    np.testing.assert_allclose(total, expected)
    np.testing.assert_allclose(shares.sum(axis=1)[graph.weights.astype(bool).sum(axis=1) > 0], 1)


@pytest.mark.parametrize("seed", range(5))
def test_pruning_keeps_the_shares_and_leaves_nothing_dangling(seed: int) -> None:
    graph = _random_graph(seed)
    everyone = np.arange(21)
    all_of_it = prune(graph, 1.0, 1.0)
    total = influence(normalised(graph.weights), everyone, graph.levels, graph.probabilities) - graph.probabilities
    pruned = prune(graph, 0.8, 0.98)
    roots = graph.is_token | graph.is_logit
    assert pruned.kept[roots].all()
    assert (all_of_it.kept >= pruned.kept).all()
    weights = pruned.weights.toarray()
    assert not weights[~pruned.kept].any()
    assert not weights[:, ~pruned.kept].any()
    inner = pruned.kept & ~roots
    assert (weights[:, inner] != 0).any(axis=0).all()
    assert (weights[inner & ~graph.is_error] != 0).any(axis=1).all()
    kept = weights != 0
    np.testing.assert_array_equal(weights[kept], graph.weights.toarray()[kept])
    # No smaller set of the strongest nodes has the share.
    strongest = np.argsort(-total)
    needed = int(np.searchsorted(total[strongest].cumsum() / total.sum(), 0.8)) + 1
    assert set(np.flatnonzero(pruned.kept & ~roots)) <= set(strongest[:needed])


def test_scores_say_how_much_is_explained() -> None:
    """Token -> feature -> logit and error -> feature, three quarters and a quarter."""
    weights = np.zeros((4, 4))
    weights[2, 0], weights[2, 1], weights[3, 2] = 3.0, -1.0, 5.0
    tokens, errors = (np.array(row, dtype=bool) for row in ([1, 0, 0, 0], [0, 1, 0, 0]))
    shares = normalised(csr_array(weights))
    total = influence(shares, np.arange(4), np.array([0, 1, 2, 3]), np.array([0.0, 0, 0, 1]))
    np.testing.assert_allclose(total, [0.75, 0.25, 1, 1])
    scores = graph_scores(shares, np.arange(4), total, tokens, errors)
    assert scores.replacement == pytest.approx(0.75)
    assert scores.completeness == pytest.approx((0.75 + 0.25 + 0.75 + 1) / 3)
