"""Every edge is checked by an intervention: on the model in small steps, on the frozen model by the whole change."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.basis import Basis, Coordinates, Dictionary, Features, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.tasks.pairs import PairBatch
from worlds.frozen import frozen
from worlds.networks import CONFIGS, RESIDUAL, TOKENS, TRIANGLE, features, language


@pytest.fixture(params=CONFIGS, ids=lambda config: config.model_type)
def model(request: pytest.FixtureRequest) -> Model:
    return language(request.param)


@pytest.fixture
def llama() -> Model:
    return language(CONFIGS[0])


@pytest.fixture
def batch() -> PairBatch:
    clean, patch = TOKENS.repeat(2, 1), TOKENS.repeat(2, 1)
    patch[:, 1] = torch.tensor([11, 12, 13, 14])
    return PairBatch(clean, patch, torch.tensor([[3], [4]]).repeat(2, 1), torch.tensor([[5], [6]]).repeat(2, 1))


def _rows(dictionary: Dictionary) -> tuple[Tensor, Tensor]:
    """What every coordinate reads and writes."""
    if isinstance(dictionary, Features):
        return dictionary.sae.W_enc.T, dictionary.sae.W_dec
    return torch.eye(dictionary.width * dictionary.group), torch.eye(dictionary.width * dictionary.group)


def _measured(
    model: Model, batch: PairBatch, basis: Basis, frozen_model: bool, nodes: list[Node], step: float
) -> dict[Site, Tensor]:
    """What moving each node by `step` times its change moves at every site: (node, pair, position, coordinate).

    All other sites are held at their clean values, so that only direct paths are felt. All nodes move in one batch.
    """
    sites = {*basis, *(d.reads for d in basis.values() if d.reads)}
    clean, patch = (run(model, tokens, read=list(sites)).activations for tokens in (batch.clean, batch.patch))
    moves = {site: clean[site].new_zeros(len(nodes), *clean[site].shape) for site in basis}
    for row, node in enumerate(nodes):
        dictionary = basis[node.site]
        reads = dictionary.reads or node.site
        change = dictionary.read(patch[reads]) - dictionary.read(clean[reads])
        if node.index is None:
            move = patch[node.site] - clean[node.site] - dictionary.write(change)
        else:
            move = change[..., _own(dictionary, node.index)] @ _rows(dictionary)[1][_own(dictionary, node.index)]
        moves[node.site][row] = move * _here(node, move)
    ends = []
    with torch.no_grad(), frozen(model, batch.clean) if frozen_model else nullcontext():
        for sign in (step, -step):
            seen: dict[Site, Tensor] = {}

            def visit(site: Site, sign: float = sign, seen: dict[Site, Tensor] = seen) -> Callable[[Tensor], Tensor]:
                def edit(x: Tensor) -> Tensor:
                    seen[site] = x.unflatten(0, (len(nodes), -1))
                    return (clean[site] + sign * moves[site]).flatten(0, 1) if site in basis else x

                return edit

            edits = {site: visit(site) for site in sites}
            run(model, batch.clean.repeat(len(nodes), 1), edit=edits, logits="last")
            ends.append(seen)
    return {
        site: (ends[0][d.reads or site] - ends[1][d.reads or site]) / (2 * step) @ _rows(d)[0].T
        for site, d in basis.items()
    }


def _own(dictionary: Dictionary, index: int) -> slice:
    return slice(index * dictionary.group, (index + 1) * dictionary.group)


def _here(node: Node, like: Tensor) -> Tensor:
    """1 at the node's position, or everywhere."""
    positions = torch.arange(like.shape[1]).unsqueeze(1)
    return torch.ones_like(positions) if node.position is None else positions == node.position


def _check(model: Model, batch: PairBatch, basis: Basis, nodes: list[Node], method: str) -> None:
    weights = {(source, target): weight for source, target, weight in _edges(model, batch, basis, nodes, method)}
    found = METHODS[method](model, batch, list(basis), 8)
    # The model as it is, which is not linear, is moved in small steps; the frozen one by the node's whole change.
    step, tolerance = (1.0, 1e-4) if method == "relp" else (2e-3, 5e-3)
    moved = _measured(model, batch, basis, method == "relp", nodes, step)
    scale = max(abs(weight) for weight in weights.values())
    assert scale > 1e-2
    expected = {}
    for down in nodes:
        if down.index is None:
            continue
        dictionary, own = basis[down.site], _own(basis[down.site], down.index)
        pull = found[down.site].gradient @ _rows(dictionary)[1][own].T
        if isinstance(dictionary, Features):
            runs = (run(model, t, read=[dictionary.reads or down.site]) for t in (batch.clean, batch.patch))
            sides = [dictionary.read(r.activations[dictionary.reads or down.site])[..., own] for r in runs]
            pull = pull * ((sides[0] != 0) | (sides[1] != 0))
        through = (moved[down.site][..., own] * pull * _here(down, pull)).sum(dim=(2, 3)).mean(dim=1).tolist()
        expected |= {
            (up.id, down.id): w for up, w in zip(nodes, through, strict=True) if up.site.order < down.site.order
        }
    for key in expected.keys() | weights.keys():
        assert weights.get(key, 0.0) == pytest.approx(expected[key], abs=tolerance * scale), key


def _edges(
    model: Model, batch: PairBatch, basis: Basis, nodes: list[Node], method: str
) -> list[tuple[str, str, float]]:
    edges = feature_edges(Bench(model, [(list(range(len(batch))), batch)], basis), nodes, Scoring.of(method, 8))
    assert len({edge[:2] for edge in edges}) == len(edges)
    return edges


def _all_nodes(basis: Basis, every: int, position: int | None = None) -> list[Node]:
    nodes = [Node(site, index, position) for site, d in basis.items() for index in range(0, d.width, every)]
    return nodes + [Node(site, None, position) for site, d in basis.items() if d.has_error]


@pytest.mark.parametrize("method", ["integrated_gradients", "relp"])
def test_every_edge_is_what_an_intervention_on_its_source_measures(model: Model, batch: PairBatch, method: str) -> None:
    basis: Basis = {site: features(seed) for seed, site in enumerate(RESIDUAL)}
    _check(model, batch, basis, _all_nodes(basis, 3), method)


@pytest.mark.parametrize("method", ["integrated_gradients", "relp"])
def test_edges_pass_through_no_other_site(model: Model, batch: PairBatch, method: str) -> None:
    """Attention, MLP and residual stream, each with its own dictionary: the triangles of Marks et al."""
    basis: Basis = {site: features(seed) for seed, site in enumerate(TRIANGLE)}
    _check(model, batch, basis, _all_nodes(basis, 6), method)


@pytest.mark.parametrize("method", ["attribution_patching", "relp"])
def test_edges_between_transcoders_heads_and_neurons(llama: Model, batch: PairBatch, method: str) -> None:
    basis: Basis = {
        Site("heads", 0): Coordinates(2, 8),
        Site("mlp_out", 0): features(0, Site("mlp_in", 0)),
        Site("heads", 1): Coordinates(2, 8),
        Site("mlp_neurons", 1): Coordinates(24),
    }
    _check(llama, batch, basis, _all_nodes(basis, 1), method)


def test_edges_between_nodes_at_positions(llama: Model, batch: PairBatch) -> None:
    basis: Basis = {site: features(seed) for seed, site in enumerate(TRIANGLE[2:])}
    nodes = _all_nodes(basis, 8, position=1) + _all_nodes(basis, 8, position=3)
    _check(llama, batch, basis, nodes, "relp")


def test_edges_without_a_counterfactual_are_of_the_change_to_nothing(llama: Model, batch: PairBatch) -> None:
    basis: Basis = {site: replace(features(seed)) for seed, site in enumerate(RESIDUAL)}
    nodes = _all_nodes(basis, 1)
    edges = feature_edges(
        Bench(llama, [(list(range(len(batch))), batch)], basis), nodes, Scoring(method="gradient_activation")
    )
    found = METHODS["attribution_patching"](llama, batch, RESIDUAL, 1)
    active = [basis[site].read(found[site].clean) for site in RESIDUAL]
    for source, target, weight in edges:
        up, down = Node.parse(source), Node.parse(target)
        assert down.index is not None
        if not active[1][..., down.index].any() or (up.index is not None and not active[0][..., up.index].any()):
            assert weight == 0


def test_edges_without_a_counterfactual_do_not_see_the_patch(llama: Model, batch: PairBatch) -> None:
    """A prompt that differs late must not silence targets before the difference."""
    basis: Basis = {site: features(seed) for seed, site in enumerate(TRIANGLE)}
    late = batch.clean.clone()
    late[:, -1] += 1
    edges = [
        feature_edges(
            Bench(llama, [(list(range(len(part))), part)], basis),
            _all_nodes(basis, 1),
            Scoring(method="gradient_activation"),
        )
        for part in (batch, replace(batch, patch=late))
    ]
    assert edges[0] == edges[1]
    assert any(weight for *_, weight in edges[0])


def test_targets_that_are_never_active_have_no_edges(llama: Model, batch: PairBatch) -> None:
    """Pairs that edges are averaged over may not show a node that other pairs put into the circuit."""
    basis: Basis = {site: features(seed) for seed, site in enumerate(RESIDUAL)}
    silent = [Node(RESIDUAL[1], 0), Node(RESIDUAL[0], 0)]
    basis[RESIDUAL[1]].sae.b_enc[0] = -1e6
    edges = feature_edges(
        Bench(llama, [(list(range(len(batch))), batch)], basis), silent, Scoring(method="attribution_patching")
    )
    assert all(weight == 0 for *_, weight in edges)
