"""Discovery without a task: which tokens, what their attributions are worth, clusters, and circuits."""

import copy
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from sparse_circuits.activations.sequences import Sequences, read_sequences
from sparse_circuits.artefacts.discovery_catalogue import DiscoveryCatalogue
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.discovery import descriptions, judge
from sparse_circuits.circuits.discovery.catalogue import describe_clusters, summary
from sparse_circuits.circuits.discovery.circuits import ClusterCircuit, cluster_circuits
from sparse_circuits.circuits.discovery.clusters import Clusters, cluster, sparse_vectors
from sparse_circuits.circuits.discovery.descriptions import Autoencoders, Descriptions, Means, describe, feature_means
from sparse_circuits.circuits.discovery.judge import run_circuits_on
from sparse_circuits.circuits.discovery.store import load_tokens, save_tokens
from sparse_circuits.circuits.discovery.tokens import Targets, copied, find_targets, log_odds, loss_by_position
from sparse_circuits.config.discover_circuits import DiscoverCircuits
from sparse_circuits.config.discover_tokens import Wanted
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import last_site
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from worlds.artefact_example import example

SITES = [Site("resid_post", 0), Site("resid_post", 1)]
WIDTH = 64
WANTED = Wanted(tokens=40, context=12, max_loss=7, a_window=3)  # the tiny model guesses, so any token must do


@pytest.fixture(scope="module")
def saes() -> Autoencoders:
    return {site: _random_autoencoder(seed) for seed, site in enumerate(SITES)}


def _random_autoencoder(seed: int) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(seed)
    W_dec = torch.nn.functional.normalize(torch.randn(WIDTH, 32, generator=generator), dim=1)
    b_dec = 0.1 * torch.randn(32, generator=generator)
    return SparseAutoencoder("topk", W_dec.T.contiguous(), torch.zeros(WIDTH), W_dec, b_dec, k=6)


@pytest.fixture(scope="module")
def sequences(cache: Path) -> Sequences:
    return read_sequences(cache / "sequences.h5", "train")


@pytest.fixture(scope="module")
def targets(tiny: Model, sequences: Sequences) -> Targets:
    return find_targets(tiny, sequences, WANTED, 0, 100)


@pytest.fixture(scope="module")
def means(tiny: Model, saes: Autoencoders, targets: Targets) -> Means:
    return feature_means(tiny, saes, targets, 100)


def test_a_copy_is_a_pair_of_tokens_seen_before() -> None:
    tokens = np.array([0, 5, 6, 7, 5, 6, 5, 7])
    assert copied(tokens).tolist() == [False, False, False, False, True, False, False]


def test_targets_are_well_predicted_no_copies_and_few_a_window(
    tiny: Model, targets: Targets, sequences: Sequences
) -> None:
    assert len(targets) == WANTED.tokens
    loss = loss_by_position(tiny, targets.tokens)
    assert (loss[targets.window, targets.position] <= WANTED.max_loss).all()
    assert targets.position.min() >= WANTED.context // 3
    assert targets.window.bincount().max() == WANTED.a_window
    for window, position in zip(targets.window.tolist(), targets.position.tolist(), strict=True):
        assert not copied(targets.tokens[window].numpy())[position]
    strict = WANTED.model_copy(update={"tokens": 5, "max_loss": float(loss.quantile(0.1))})
    fewer = find_targets(tiny, sequences, strict, 0, 100)
    assert (loss_by_position(tiny, fewer.tokens)[fewer.window, fewer.position] <= strict.max_loss).all()


def test_no_document_has_both_training_and_held_out_tokens(targets: Targets) -> None:
    held_out, train = (set(targets.document[part].tolist()) for part in (targets.held_out, ~targets.held_out))
    assert held_out
    assert not held_out & train
    assert 0.1 < targets.held_out.float().mean() < 0.4


def test_the_metric_is_the_log_odds_of_the_next_token(tiny: Model, targets: Targets) -> None:
    tokens = targets.tokens[targets.window, :-1]
    rows = torch.arange(len(targets))
    found = run(tiny, tokens, read=[last_site(tiny)])
    p = tiny.network(tokens).logits.double().softmax(dim=-1)[rows, targets.position, targets.answer]
    hidden = found.activations[last_site(tiny)][rows, targets.position]
    torch.testing.assert_close(
        log_odds(tiny, hidden, targets.answer).double(), (p / (1 - p)).log(), rtol=1e-4, atol=1e-5
    )


def test_means_are_over_training_tokens_without_the_separator(
    tiny: Model, saes: Autoencoders, targets: Targets, means: Means
) -> None:
    tokens = targets.tokens[targets.window[~targets.held_out].unique(), :-1]
    for site, sae in saes.items():
        dense = sae.encode(run(tiny, tokens, read=[site]).activations[site][:, 1:])
        torch.testing.assert_close(means[site], dense.flatten(0, 1).mean(dim=0))


def test_targets_of_one_window_do_not_mix(tiny: Model, saes: Autoencoders, targets: Targets, means: Means) -> None:
    """Each described among all others is as described by itself, in a window that ends with it."""
    together = describe(tiny, saes, targets, means, 2 * WIDTH, 100)
    dense = _dense(together.feature, together.attribution)
    for i in range(0, len(targets), 7):
        end = int(targets.position[i]) + 2
        one = Targets(targets.tokens[targets.window[i : i + 1], :end], torch.tensor([0]), *_one(targets, i))
        alone = describe(tiny, saes, one, means, 2 * WIDTH, 100)
        torch.testing.assert_close(_dense(alone.feature, alone.attribution)[0], dense[i], rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(alone.drive[0], together.drive[i, : end - 1], rtol=1e-3, atol=1e-5)
        assert not together.drive[i, end - 1 :].any()


def test_sites_that_stand_side_by_side_are_each_described(targets: Targets) -> None:
    """In GPT-NeoX the MLP does not read what attention writes in the same layer."""
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=512, num_hidden_layers=2, hidden_size=32, intermediate_size=24, num_attention_heads=2
    )
    network = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    model = Model("random", network, FAMILIES["gpt_neox"], 2, 32, 0, torch.device("cpu"))
    beside = {Site(kind, 1): _random_autoencoder(seed) for seed, kind in enumerate(("attn_out", "mlp_out"))}
    few = Targets(targets.tokens % 512, *(getattr(targets, field.name) for field in fields(Targets)[1:]))
    means = feature_means(model, beside, few, 100)
    together = _dense(*_parts(describe(model, beside, few, means, 2 * WIDTH, 100)))
    for number, (site, sae) in enumerate(beside.items()):
        alone = describe(model, {site: sae}, few, means, WIDTH, 100)
        part = together[:, number * WIDTH : (number + 1) * WIDTH]
        torch.testing.assert_close(part, _dense(*_parts(alone))[:, :WIDTH], rtol=1e-3, atol=1e-5)


def _parts(described: Descriptions) -> tuple[Tensor, Tensor]:
    return described.feature, described.attribution


def _one(targets: Targets, i: int) -> list[Tensor]:
    return [getattr(targets, name)[i : i + 1] for name in ("position", "document", "held_out")]


def _dense(feature: Tensor, attribution: Tensor) -> Tensor:
    return torch.zeros(len(feature), 2 * WIDTH).scatter(1, feature, attribution)


def test_kept_features_are_those_of_largest_attribution(
    tiny: Model, saes: Autoencoders, targets: Targets, means: Means
) -> None:
    whole, part = (describe(tiny, saes, targets, means, kept, 100) for kept in (2 * WIDTH, 5))
    expected = whole.attribution.abs().topk(5, dim=1).values
    torch.testing.assert_close(part.attribution.abs().sort(dim=1, descending=True).values, expected)


def test_an_attribution_is_what_ablating_the_feature_costs_where_the_rest_is_linear(
    tiny: Model, saes: Autoencoders, targets: Targets, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = copy.deepcopy(tiny.network)
    parent, _, name = tiny.family.final_norm.rpartition(".")
    setattr(network.get_submodule(parent), name, torch.nn.Identity())
    linear = replace(tiny, network=network)

    def logit(model: Model, hidden: Tensor, answers: Tensor) -> Tensor:
        return (hidden * model.network.get_output_embeddings().weight[answers]).sum(dim=1)

    for module in (descriptions, judge):
        monkeypatch.setattr(module, "log_odds", logit)
    last = {SITES[1]: saes[SITES[1]]}
    found = describe(linear, last, targets, {SITES[1]: means[SITES[1]]}, WIDTH, 100)
    without = torch.cat([~torch.eye(WIDTH, dtype=torch.bool), torch.ones(1, WIDTH, dtype=torch.bool)])
    for i in (0, 11, 39):
        jobs = [(circuit, i) for circuit in range(WIDTH + 1)]
        metric = run_circuits_on(linear, last, targets, found.mean, without, jobs, 1000)
        cost = metric[-1] - metric[:-1]
        assert (cost != 0).sum() > 3
        attribution = torch.zeros(WIDTH).scatter(0, found.feature[i], found.attribution[i])
        torch.testing.assert_close(attribution, cost, rtol=1e-3, atol=1e-5)


def test_a_circuit_is_the_model_with_all_other_features_at_their_means(
    tiny: Model, saes: Autoencoders, targets: Targets
) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.rand(2 * WIDTH, generator=generator)
    some = torch.rand(2 * WIDTH, generator=generator) < 0.5
    circuits = torch.stack([torch.ones_like(some), torch.zeros_like(some), some])
    jobs = [(circuit, target) for target in range(len(targets)) for circuit in range(3)]
    found = run_circuits_on(tiny, saes, targets, mean, circuits, jobs, 70).view(-1, 3)
    tokens = targets.tokens[targets.window, :-1]
    rows = torch.arange(len(targets))
    for number, circuit in enumerate(circuits):
        keep = dict(zip(SITES, circuit.split(WIDTH), strict=True))
        means = dict(zip(SITES, mean.split(WIDTH), strict=True))

        def edit(x: Tensor, site: Site, keep: dict[Site, Tensor] = keep, means: dict[Site, Tensor] = means) -> Tensor:
            change = ((means[site] - saes[site].encode(x)) * ~keep[site]) @ saes[site].W_dec
            change[:, 0] = 0
            return x + change

        edits = {site: lambda x, site=site, edit=edit: edit(x, site) for site in SITES}
        hidden = run(tiny, tokens, read=[last_site(tiny)], edit=edits).activations[last_site(tiny)]
        expected = log_odds(tiny, hidden[rows, targets.position], targets.answer)
        torch.testing.assert_close(found[:, number], expected, rtol=1e-4, atol=1e-4)


def asked(sizes: list[int], members: int, seed: int = 0) -> DiscoverCircuits:
    """Settings of circuits of clusters."""
    return DiscoverCircuits(study="s", sites=[], sizes=sizes, members=members, seed=seed, batch_tokens=100)


def _planted(generator: np.random.Generator, each: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of five clusters, each with ten features of its own among 500, of any length, with stray features."""
    features, values, truth = [], [], []
    for number in range(5):
        own = np.arange(10 * number, 10 * number + 10)
        weight = generator.uniform(0.5, 2, 10)
        for _ in range(each):
            length = generator.uniform(0.1, 10)
            features.append(np.concatenate([own, generator.choice(np.arange(50, 500), 10, replace=False)]))
            values.append(length * np.concatenate([weight, noise * generator.normal(size=10)]))
            truth.append(number)
    order = generator.permutation(len(truth))
    return np.array(features)[order], np.array(values, dtype=np.float32)[order], np.array(truth)[order]


def test_planted_clusters_are_found_again_and_held_out_members_join_them() -> None:
    feature, value, truth = _planted(np.random.default_rng(0), 40, 0.3)
    held_out = np.arange(len(truth)) % 4 == 0
    vectors = sparse_vectors(feature, value, 500)
    found = cluster(vectors, held_out, 5, 0)
    pairs = set(zip(found.label.tolist(), truth.tolist(), strict=True))
    assert len(pairs) == 5  # each cluster is one of the planted ones
    unit = vectors.toarray() / np.linalg.norm(vectors.toarray(), axis=1, keepdims=True)
    for number in range(5):
        members = found.label == number
        centroid = unit[members & ~held_out].mean(axis=0)
        cosine = unit[members] @ centroid / np.linalg.norm(centroid)
        np.testing.assert_allclose(found.cosine[members], cosine, rtol=1e-6)


def test_every_circuit_is_found_on_training_members_and_judged_on_others(
    tiny: Model, saes: Autoencoders, targets: Targets, means: Means
) -> None:
    described = describe(tiny, saes, targets, means, 2 * WIDTH, 100)
    vectors = sparse_vectors(described.feature.numpy(), described.attribution.numpy(), 2 * WIDTH)
    clusters = cluster(vectors, targets.held_out.numpy(), 2, 0)
    sizes = [4, 2 * WIDTH]
    circuits = cluster_circuits(tiny, saes, targets, described, vectors, clusters, asked(sizes, 3))
    assert circuits
    for circuit in circuits:
        assert not targets.held_out[circuit.train].any()
        assert targets.held_out[circuit.held_out].all()
        assert set(circuit.judged) <= set(circuit.held_out)
        mean = _dense(described.feature, described.attribution)[circuit.train].double().mean(dim=0)
        torch.testing.assert_close(mean[circuit.features], torch.tensor(circuit.scores, dtype=torch.float64))
        assert sorted(mean.abs().tolist(), reverse=True)[: len(circuit.features)] == pytest.approx(
            [abs(score) for score in circuit.scores]
        )
        best = torch.zeros(2 * WIDTH, dtype=torch.bool)
        best[circuit.features[:4]] = True
        masks = torch.stack([best, torch.zeros_like(best)])
        metric = run_circuits_on(
            tiny, saes, targets, described.mean, masks, [(c, t) for c in (0, 1) for t in circuit.judged], 1000
        ).view(2, -1)
        model = described.log_odds[circuit.judged].mean()
        share = (metric[0].mean() - metric[1].mean()) / (model - metric[1].mean())
        assert circuit.faithfulness[0] == pytest.approx(share.item(), rel=1e-3)
        # With every feature that scores anything, a random circuit is the circuit.
        assert circuit.random[1] == pytest.approx(circuit.faithfulness[1])
    assert circuits == sorted(circuits, key=lambda circuit: -circuit.purity * circuit.sparsity)


def test_a_label_names_the_tokens_that_a_cluster_has_in_common(saes: Autoencoders) -> None:
    """Four members: `the cat sat down`, but once `the cat sat up`; what drives them is `cat`, at position 2."""
    tokens = torch.tensor([[0, 1, 2, 3, 4]] * 3 + [[0, 1, 2, 3, 5]])
    held_out = torch.tensor([False, False, False, True])
    targets = Targets(tokens, torch.arange(4), torch.full((4,), 3), torch.arange(4), held_out)
    drive = torch.tensor([[0, 0.1, 0.5, 0.9]] * 4)
    described = Descriptions(torch.zeros(4, 1).long(), torch.ones(4, 1), torch.ones(4), drive, torch.zeros(2 * WIDTH))
    circuit = ClusterCircuit(
        0, [0, 1, 2], [3], [3], [0, WIDTH + 1], [2.0, 1.0], [0.3, 0.6], [0.0, 0.1], 5, -1, 0.5, 0.4
    )
    words = ["", " the", " cat", " sat", " down", " up"]

    def text(ids: Sequence[int]) -> str:
        return "".join(words[i] for i in ids)

    (entry,) = describe_clusters([circuit], [1, 2], saes, targets, described, text, {})
    assert entry.label == '" down" 75%, " up" 25% after " sat" 100%, driven by " cat" 100%'
    assert (entry.nodes_at_50, entry.nodes_at_75) == (2, None)
    assert entry.score == 0.2
    assert [node.id for node in entry.nodes] == ["resid_post.0/0", "resid_post.1/1"]
    assert entry.examples[-1].context + entry.examples[-1].next == " the cat sat up"
    still = replace(described, drive=torch.zeros(4, 4))
    assert "driven" not in describe_clusters([circuit], [1, 2], saes, targets, still, text, {})[0].label


def test_the_same_seed_gives_the_same_bytes(
    tiny: Model, saes: Autoencoders, sequences: Sequences, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        folder = tmp_path / name
        found = find_targets(tiny, sequences, WANTED, 3, 100)
        save_tokens(
            folder / "tokens.h5", found, describe(tiny, saes, found, feature_means(tiny, saes, found, 100), 20, 100)
        )
        targets, described = load_tokens(folder / "tokens.h5")
        assert all(torch.equal(getattr(found, f.name), getattr(targets, f.name)) for f in fields(Targets))
        vectors = sparse_vectors(described.feature.numpy(), described.attribution.numpy(), 2 * WIDTH)
        clusters = cluster(vectors, targets.held_out.numpy(), 2, 3)
        circuits = cluster_circuits(tiny, saes, targets, described, vectors, clusters, asked([4, 16], 2, 3))
        entries = describe_clusters(circuits, [4, 16], saes, targets, described, str, {})
        assert summary(entries).clusters == len(entries) > 0
        catalogue = example(DiscoveryCatalogue, summary=summary(entries).plain(), clusters=[e.plain() for e in entries])
        catalogue.write(folder / "clusters.json")
        catalogue.write_table(folder / "clusters.csv")
        assert DiscoveryCatalogue.read(folder / "clusters.json") == catalogue
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()


def test_what_cannot_be_done_is_told_in_one_line(
    tiny: Model, sequences: Sequences, saes: Autoencoders, targets: Targets, means: Means
) -> None:
    with pytest.raises(StudyError, match=r"discovery.context: 16, the cache's sequences have 16 tokens"):
        find_targets(tiny, sequences, WANTED.model_copy(update={"context": 16}), 0, 100)
    with pytest.raises(StudyError, match=r"discovery.tokens: 40 wanted, the corpus has 0 with a loss of 1e-06"):
        find_targets(tiny, sequences, WANTED.model_copy(update={"max_loss": 1e-6}), 0, 100)
    feature, value, truth = _planted(np.random.default_rng(0), 2, 0.3)
    with pytest.raises(StudyError, match=r"discovery.clusters: 11 clusters of 10 training tokens"):
        cluster(sparse_vectors(feature, value, 500), np.zeros(len(truth), dtype=bool), 11, 0)
    described = describe(tiny, saes, targets, means, 20, 100)
    vectors = sparse_vectors(described.feature.numpy(), described.attribution.numpy(), 2 * WIDTH)
    single = Clusters(np.arange(len(targets)), np.ones(len(targets)))
    with pytest.raises(StudyError, match=r"no cluster has 3 members in training and 3 held out"):
        cluster_circuits(tiny, saes, targets, described, vectors, single, asked([4], 3))
