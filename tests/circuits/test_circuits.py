"""Every number said of a circuit is checked by intervening on the model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Coordinates, Features
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.circuit_file import select_nodes, site_sums
from sparse_circuits.circuits.evaluate import evaluate_circuits
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.circuits.scores import NodeScores, SiteScores, load_scores, save_scores
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import Groups, PairBatch, encode_pairs

SITES = [Site("resid_post", 0), Site("resid_post", 1)]


def _autoencoder(seed: int, k: int = 6) -> Features:
    generator = torch.Generator().manual_seed(seed)
    W_dec = torch.nn.functional.normalize(torch.randn(96, 32, generator=generator), dim=1)
    b_dec = torch.randn(32, generator=generator)
    return Features(SparseAutoencoder("topk", W_dec.T.contiguous(), torch.zeros(96), W_dec, b_dec, k=k))


@pytest.fixture(scope="module")
def basis() -> dict[Site, Features]:
    return {site: _autoencoder(seed) for seed, site in enumerate(SITES)}


@pytest.fixture(scope="module")
def groups(tiny_folder: Path) -> Groups:
    """Pairs of two lengths, so that grouping is felt everywhere."""
    tokenizer = load_tokenizer(tiny_folder)
    pairs = agreement_pairs("nounpp", "train", 8, 0, tokenizer) + agreement_pairs("simple", "train", 6, 0, tokenizer)
    return encode_pairs(pairs, tokenizer, 0)


@pytest.fixture(scope="module")
def scores(tiny: Model, groups: Groups, basis: dict[Site, Features]) -> NodeScores:
    return score_nodes(Bench(tiny, groups, basis, batch_tokens=1000), Scoring(method="integrated_gradients", steps=20))


def _metric(tiny: Model, tokens: Tensor, batch: PairBatch) -> Tensor:
    return logit_difference(run(tiny, tokens, logits="last").logits[:, -1], batch)


def test_scores_over_a_cut_add_up_to_the_total_effect_of_every_pair(scores: NodeScores) -> None:
    for part in scores.sites.values():
        torch.testing.assert_close(
            part.nodes.sum(dim=(1, 2)) + part.error[:, 0], scores.total_effect, rtol=1e-3, atol=1e-4
        )
    assert all(one.relative_gap < 1e-3 for one in site_sums(scores).values())


@torch.no_grad()
def test_the_total_effect_is_patch_minus_clean(tiny: Model, groups: Groups, scores: NodeScores) -> None:
    for indices, batch in groups:
        gap = _metric(tiny, batch.patch, batch) - _metric(tiny, batch.clean, batch)
        torch.testing.assert_close(scores.total_effect[indices], gap)


def test_at_the_last_site_a_small_change_of_a_feature_moves_the_metric_by_its_gradient(
    tiny: Model, groups: Groups, basis: dict[Site, Features]
) -> None:
    """The averaged gradient is checked against exact patching along the path, in small steps."""
    site, batch = SITES[-1], groups[0][1]
    found = METHODS["integrated_gradients"](tiny, batch, [site], 20)[site]
    dictionary = basis[site]
    with torch.no_grad():
        change = found.patch - found.clean
        direction = dictionary.sae.W_dec[3]
        steps = torch.linspace(0, 1, 2001, dtype=torch.float64)
        numeric = torch.zeros(len(batch), dtype=torch.float64)
        for share in ((steps[1:] + steps[:-1]) / 2)[::50]:
            here = found.clean + share.float() * change
            up, down = (
                run(tiny, batch.clean, start=(site, here + sign * 1e-2 * direction), logits="last").logits
                for sign in (1, -1)
            )
            assert up is not None
            assert down is not None
            slope = (logit_difference(up[:, -1], batch) - logit_difference(down[:, -1], batch)) / 2e-2
            numeric += slope.double() / 40
    ours = dictionary.pull(found.gradient)[..., 3].sum(dim=1)
    torch.testing.assert_close(ours, numeric.float(), rtol=2e-2, atol=2e-3)


def test_integrated_gradients_on_inputs_add_up_over_the_embeddings(tiny: Model, groups: Groups) -> None:
    embed = Site("embed")
    for _, batch in groups:
        found = METHODS["input_integrated_gradients"](tiny, batch, [embed], 300)[embed]
        total = ((found.patch - found.clean) * found.gradient).sum(dim=(1, 2))
        with torch.no_grad():
            gap = _metric(tiny, batch.patch, batch) - _metric(tiny, batch.clean, batch)
        torch.testing.assert_close(total, gap, rtol=1e-3, atol=1e-4)


def test_keeping_every_node_is_the_model(
    tiny: Model, groups: Groups, basis: dict[Site, Features], scores: NodeScores
) -> None:
    ((metric,), _) = Bench(tiny, groups, basis, mean_ablation(scores.means), batch_tokens=64).run(
        [Circuit.whole(basis)]
    )
    for indices, batch in groups:
        torch.testing.assert_close(metric[indices], _metric(tiny, batch.clean, batch), rtol=1e-4, atol=1e-5)


def test_keeping_no_node_forgets_the_prompt(
    tiny: Model, groups: Groups, basis: dict[Site, Features], scores: NodeScores
) -> None:
    """With everything at its mean, two prompts of one length and one answer side give the same metric."""
    ((metric,), _) = Bench(tiny, groups, basis, mean_ablation(scores.means), batch_tokens=64).run(
        [Circuit.of([], basis, errors=False)]
    )
    for indices, batch in groups:
        singular = batch.answers[:, 0] == batch.answers[0, 0]
        assert metric[indices][singular].std() < 1e-5


def test_many_circuits_in_one_batch_are_each_one_alone(
    tiny: Model, groups: Groups, basis: dict[Site, Features], scores: NodeScores
) -> None:
    generator = torch.Generator().manual_seed(0)
    circuits = [
        Circuit({s: torch.rand(1, p.width, generator=generator) < 0.5 for s, p in basis.items()}, bool(n % 2))
        for n in range(5)
    ]
    ablation = mean_ablation(scores.means)
    together = Bench(tiny, groups, basis, ablation, batch_tokens=10**6).run(circuits).metric
    alone = torch.cat(
        [Bench(tiny, groups, basis, ablation, batch_tokens=1).run([circuit]).metric for circuit in circuits]
    )
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_ablation_is_the_formula_written_out_with_dense_features(
    tiny: Model, groups: Groups, basis: dict[Site, Features], scores: NodeScores
) -> None:
    generator = torch.Generator().manual_seed(1)
    masks = {site: torch.rand(1, part.width, generator=generator) < 0.5 for site, part in basis.items()}
    ((metric,), _) = Bench(tiny, groups, basis, mean_ablation(scores.means), batch_tokens=64).run(
        [Circuit(masks, False)]
    )

    for indices, batch in groups:
        positions = batch.clean.shape[1]

        def ablated(site: Site, x: Tensor, positions: int = positions) -> Tensor:
            sae, mean = basis[site].sae, scores.means[site]
            features = torch.where(masks[site][0], sae.encode(x), mean.at(positions)[0])
            edited = features @ sae.W_dec + mean.at(positions)[1]
            return torch.cat([x[:, :1], edited[:, 1:]], dim=1)

        edit = {site: lambda x, s=site: ablated(s, x) for site in SITES}
        logits = run(tiny, batch.clean, edit=edit, logits="last").logits
        torch.testing.assert_close(metric[indices], logit_difference(logits[:, -1], batch), rtol=1e-4, atol=1e-5)


def test_scores_survive_the_file(scores: NodeScores, tmp_path: Path) -> None:
    save_scores(tmp_path / "scores.h5", scores)
    loaded = load_scores(tmp_path / "scores.h5")
    assert loaded.scoring == scores.scoring == Scoring(steps=20)
    assert list(loaded.sites) == SITES
    assert torch.equal(loaded.total_effect, scores.total_effect)
    for site in SITES:
        assert torch.equal(loaded.sites[site].nodes, scores.sites[site].nodes)
        assert torch.equal(loaded.means[site].error, scores.means[site].error)


def test_nodes_are_those_that_surely_score_above_the_threshold(scores: NodeScores) -> None:
    generator = torch.Generator().manual_seed(0)
    strength = torch.linspace(-1, 1, 96)
    noisy = {
        s: SiteScores(strength + 0.5 * torch.randn(14, 1, 96, generator=generator), p.error)
        for s, p in scores.sites.items()
    }
    kept = {
        (n.site, n.index)
        for n in select_nodes(replace(scores, sites=noisy, total_effect=torch.full((14,), -2.0)), 0.25, False)
    }
    for site, part in noisy.items():
        values = part.nodes[:, 0].double()
        sure = values.mean(dim=0).abs() - 2 * values.std(dim=0) / 14**0.5
        assert 10 < (sure >= 0.5).sum() < 80
        assert {(site, i) for i in (sure >= 0.5).nonzero().flatten().tolist()} == {
            node for node in kept if node[0] == site
        }


def test_an_empty_circuit_is_said_so(scores: NodeScores) -> None:
    with pytest.raises(StudyError, match="the circuit is empty; lower node_threshold"):
        select_nodes(scores, 1e6, True)


def test_curves_begin_and_end_where_they_must(
    tiny: Model, groups: Groups, basis: dict[Site, Features], scores: NodeScores
) -> None:
    ranked = scores.ranked()
    settings = EvaluateCircuit(sites=list(map(str, basis)), sizes=[1, len(ranked) + 50], random_circuits=2)
    curves = evaluate_circuits(Bench(tiny, groups, basis, batch_tokens=512), scores, ranked[:3], settings)
    assert curves.nodes == [1, len(ranked)]
    assert curves.random[-1] == pytest.approx(curves.faithfulness[-1], abs=1e-5), "all ranked is all ranked"
    assert curves.circuit.nodes == 3
    for low_high, value in zip(curves.faithfulness_ci95, curves.faithfulness, strict=True):
        assert low_high[0] <= value <= low_high[1] or value == pytest.approx(low_high[0], rel=0.5)


def test_neurons_are_a_basis_like_any_other(tiny: Model, groups: Groups) -> None:
    basis = {Site("mlp_neurons", layer): Coordinates(64) for layer in (0, 1)}
    scores = score_nodes(
        Bench(tiny, groups, basis, batch_tokens=1000), Scoring(method="input_integrated_gradients", steps=5)
    )
    everything = Circuit({site: torch.ones(1, 64, dtype=torch.bool) for site in basis}, True)
    ((metric,), _) = Bench(tiny, groups, basis, mean_ablation(scores.means), batch_tokens=100).run([everything])
    for indices, batch in groups:
        torch.testing.assert_close(metric[indices], _metric(tiny, batch.clean, batch), rtol=1e-4, atol=1e-5)
    assert all(part.error.abs().max() == 0 for part in scores.sites.values())


def test_answer_sets_are_summed_as_probabilities(tiny: Model, tiny_folder: Path) -> None:
    pair = Pair("p", "The key", "The keys", [" is", " was"], [" are"], {})
    ((_, batch),) = encode_pairs([pair], load_tokenizer(tiny_folder), 0)
    logits = run(tiny, batch.clean, logits="last").logits
    p = logits[0, -1].softmax(dim=0)
    expected = (p[batch.answers[0]].sum() / p[batch.patch_answers[0, 0]]).log()
    torch.testing.assert_close(logit_difference(logits[:, -1], batch)[0], expected)
