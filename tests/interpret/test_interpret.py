"""What is said of a node is what the model, the autoencoder and the text really give."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.interpretation import Interpretation, NodeDescription
from sparse_circuits.artefacts.node_labels import NodeLabels
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_jsonl
from sparse_circuits.circuits.promoted import token_notes
from sparse_circuits.config.site import Site
from sparse_circuits.figures.labels import read_labels
from sparse_circuits.interpret.contexts import quantile_edges, quantile_places, silent_places, top_places
from sparse_circuits.interpret.describe import describe_nodes
from sparse_circuits.interpret.firing import Firing, read_firing
from sparse_circuits.interpret.inputs import Asked, input_attributions
from sparse_circuits.interpret.rule import Vocabulary, best_rule, detection_scores, rule_scores
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import save_autoencoder
from worlds.artefact_example import example
from worlds.checkout import run_script
from worlds.described import AMOUNTS, FEATURES, SITE, WINDOW, autoencoder, read_cached


@pytest.fixture(scope="module")
def firing(cache: Path) -> Firing:
    return read_cached(cache)


@pytest.fixture(scope="module")
def nodes(tiny: Model, tiny_folder: Path, firing: Firing) -> list[NodeDescription]:
    return _describe(tiny, firing)


def _describe(tiny: Model, firing: Firing) -> list[NodeDescription]:
    return describe_nodes(tiny, SITE, SITE, autoencoder(None), FEATURES, firing, AMOUNTS, 0, 100)


@torch.no_grad()
def test_activations_put_back_in_order_are_those_of_the_model_run_on_the_text(
    tiny: Model, cache: Path, firing: Firing
) -> None:
    text = read_sequences(cache / "sequences.h5", "train")
    np.testing.assert_array_equal(firing.token_id, text.token_id)
    np.testing.assert_array_equal(firing.document, text.document)
    x = run(tiny, torch.from_numpy(text.token_id), read=[SITE]).activations[SITE]
    expected = autoencoder(None).encode(x)[..., FEATURES].permute(2, 0, 1).numpy() * firing.cached
    assert 0.05 < (expected > 0).mean() < 0.95
    np.testing.assert_allclose(firing.values, expected, atol=2**-7 * float(x.abs().max()))  # the cache holds bf16
    assert not firing.cached[:, 0].any()


def test_a_part_of_the_cache_is_the_beginning_of_all_of_it(cache: Path, firing: Firing) -> None:
    part = read_cached(cache, tokens=25 * 15)
    assert len(part.document) == 25  # one whole shard, and a quarter of the next
    np.testing.assert_allclose(part.values, firing.values[:, :25], atol=1e-6)
    assert part.tokens == firing.cached[:25].sum()


def test_a_cache_of_an_older_version_is_told(cache: Path, tmp_path: Path) -> None:
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    with h5py.File(tmp_path / "shard-00000.h5", "r+") as file:
        del file["sequence"]
    with pytest.raises(StudyError, match=r"shard-00000.h5: an older version wrote it, without /sequence; delete it"):
        read_cached(tmp_path)


def test_topk_features_compete_with_those_that_are_not_asked_for(cache: Path, firing: Firing) -> None:
    few = read_firing(cache, str(SITE), autoencoder(4), FEATURES, None, torch.device("cpu"))
    kept = few.values > 0
    assert 0 < kept.sum() < (firing.values > 0).sum()
    np.testing.assert_allclose(few.values[kept], firing.values[kept], rtol=1e-5)


def test_a_site_without_nodes_has_no_descriptions(cache: Path, tiny: Model) -> None:
    sae = autoencoder(None)
    firing = read_firing(cache, str(SITE), sae, [], 100, torch.device("cpu"))
    assert describe_nodes(tiny, SITE, SITE, sae, [], firing, AMOUNTS, 0, 100) == []


def test_only_what_writes_to_the_residual_stream_promotes_tokens(tiny: Model) -> None:
    directions = {"mlp_neurons.0/1": torch.ones(tiny.width(Site("mlp_neurons", 0))), "attn_out.0/1": torch.ones(32)}
    assert list(token_notes(tiny, directions)) == ["attn_out.0/1"]


def test_contexts_are_the_documents_own_text_with_their_activations(
    documents: Path, tiny: Model, cache: Path, firing: Firing, nodes: list[NodeDescription]
) -> None:
    texts = [row["text"] for row in read_jsonl(documents)]
    sae = autoencoder(None)
    contexts = 0
    for feature, node in zip(FEATURES, nodes, strict=True):
        for context in node.top + node.spread:
            assert "".join(context.tokens) in texts[context.document]
            sequence = torch.from_numpy(firing.token_id[[context.sequence]])
            x = run(tiny, sequence, read=[SITE]).activations[SITE]
            begin = context.position - context.at
            real = sae.encode(x)[0, begin : begin + WINDOW, feature]
            np.testing.assert_allclose(context.activations, real.numpy(), atol=2**-7 * float(x.abs().max()))
            contexts += 1
    assert contexts > 3 * AMOUNTS.contexts


def test_top_contexts_are_the_strongest_of_documents_that_are_not_held_out(firing: Firing) -> None:
    for row in range(len(FEATURES)):
        places = top_places(firing, row, 100, WINDOW)
        found = [firing.values[row, place.sequence, place.position] for place in places]
        assert found == sorted(found, reverse=True)
        open_values = firing.values[row][~firing.judged]
        assert found[0] == open_values.max()
        assert not any(firing.judged[place.sequence] for place in places)
        windows = [firing.token_id[p.sequence, p.window(WINDOW, 16)].tobytes() for p in places]
        assert len(set(windows)) == len(windows)


def test_judged_tokens_are_held_out_lie_in_their_quantiles_and_silent_ones_are_silent(firing: Firing) -> None:
    edges = quantile_edges(firing.values[0], 5)
    drawn = quantile_places(firing, 0, edges, 3, True, np.random.default_rng(0))
    assert sum(map(len, drawn)) > 10
    for number, places in enumerate(drawn):
        for place in places:
            assert firing.judged[place.sequence]
            value = firing.values[0, place.sequence, place.position]
            assert edges[number] - 1e-6 <= value <= edges[number + 1] + 1e-6
            assert value > 0
    rare, _ = _planted(lambda token_id: token_id == 7)
    silent = silent_places(rare, 0, 30, 6, np.random.default_rng(0))
    assert len(silent) == 30
    for place in silent:
        assert rare.judged[place.sequence]
        assert not rare.values[0, place.sequence, place.window(6, 20)].any()


def test_parts_of_the_inputs_add_up_to_what_the_feature_reads(tiny: Model) -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = (3, 9, 5, 16)
    asked = [
        Asked(
            torch.randint(1, 60, (length,), generator=generator, dtype=torch.int32),
            torch.randn(32, generator=generator),
        )
        for length in lengths
    ]
    together = input_attributions(tiny, SITE, asked, 1000)
    for one, parts in zip(asked, together, strict=True):
        x = run(tiny, one.tokens[None].long(), read=[SITE]).activations[SITE][0, -1]
        torch.testing.assert_close(parts.sum(), x @ one.direction, rtol=1e-4, atol=1e-4)
        (alone,) = input_attributions(tiny, SITE, [one], 1)
        torch.testing.assert_close(parts, alone, rtol=1e-4, atol=1e-5)
    own = input_attributions(tiny, Site("embed"), asked, 30)
    assert all(not parts[:-1].any() and parts[-1] for parts in own)  # nothing has moved yet


def _planted(active: Callable[[np.ndarray], np.ndarray]) -> tuple[Firing, Vocabulary]:
    """Random text of words with and without -s, and a feature that is active where `active` says."""
    texts = {
        0: "",
        **{i: f" {'abcdefghij'[i % 10]}{'klmno'[i // 10]}{'s' if i % 3 == 0 else ''}" for i in range(1, 50)},
    }
    token_id = np.random.default_rng(0).integers(1, 50, (200, 20)).astype(np.int32)
    token_id[:, 0] = 0
    document = np.arange(200, dtype=np.int32)
    cached = token_id > 0
    values = (active(token_id) & cached).astype(np.float32)[None]
    firing = Firing(token_id, document, cached, values, document % 5 == 0)
    return firing, Vocabulary.of(firing, texts)


@pytest.mark.parametrize(
    ("active", "offset", "words"),
    [
        (lambda t: np.isin(t, [4, 8]), 0, 'on " ek", " ik"'),
        (lambda t: np.roll(t, 1, axis=1) == 7, -1, 'after " hk"'),
        (lambda t: (np.roll(t, -1, axis=1) == 7) & (np.arange(20) < 19), 1, 'before " hk"'),
        (lambda t: t % 3 == 0, 0, "on tokens in -s ("),
    ],
)
def test_a_planted_rule_is_found_and_holds_on_held_out_text(active: Any, offset: int, words: str) -> None:
    firing, vocabulary = _planted(active)
    rule = best_rule(firing, 0, vocabulary)
    assert rule is not None
    assert rule.offset == offset
    assert rule.words.startswith(words) or offset == 0
    scores = rule_scores(firing, 0, vocabulary, rule, firing.judged)
    assert scores.precision == scores.recall == scores.balanced_accuracy == 1
    assert scores.true_positives == (firing.values[0][firing.judged] > 0).sum()


def test_a_feature_that_follows_nothing_gets_no_better_than_chance() -> None:
    noise = np.random.default_rng(1).random((200, 20)) < 0.1
    firing, vocabulary = _planted(lambda _: noise)
    rule = best_rule(firing, 0, vocabulary)
    assert rule is not None
    assert abs(rule_scores(firing, 0, vocabulary, rule, firing.judged).balanced_accuracy - 0.5) < 0.1


def test_a_feature_that_is_never_active_is_said_so(tiny: Model, tiny_folder: Path, firing: Firing) -> None:
    silent = Firing(firing.token_id, firing.document, firing.cached, np.zeros_like(firing.values), firing.judged)
    node = _describe(tiny, silent)[0]
    assert node.label == "never active on the text described"
    assert node.density == 0


def test_detection_scores_are_those_counted_by_hand() -> None:
    active = np.array([True, True, True, False, False, False, False, False])
    says = np.array([True, True, False, True, False, False, False, False])
    scores = detection_scores(active, says)
    assert scores.precision == scores.recall == scores.f1 == 2 / 3
    assert scores.balanced_accuracy == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_the_program_describes_the_nodes_of_all_circuits(
    tiny_folder: Path, cache: Path, nodes: list[NodeDescription], tmp_path: Path
) -> None:
    sae = autoencoder(None)
    save_autoencoder(tmp_path / "sae", sae, torch.ones(64))
    circuits = []
    for task, held in (("one", FEATURES[:2]), ("two", FEATURES[1:])):
        ids = [f"{SITE}/{index}" for index in held]
        circuits.append(tmp_path / f"{task}.json")
        places = {"site": str(SITE), "position": None, "score": 1.5}
        listed = [{"id": node, **places} for node in [*ids, f"{SITE}/error", "resid_post.0/7"]]
        edges = [{"source": "resid_post.0/7", "target": ids[0], "weight": w} for w in (0.5, -2.0)]
        example(ScoredCircuit, task=task, nodes=listed, edges=edges).write(circuits[-1])
    path = tmp_path / "resid_post.1.json"
    flags = ["--circuits", *circuits, "--site", SITE, "--interpretation", path]
    amounts = [word for name, value in AMOUNTS for word in (f"--{name}", value)]
    folders = ["--model", tiny_folder, "--sae", tmp_path / "sae", "--activations", cache]
    done = run_script("interpret_nodes.py", "--study", "test", *folders, *flags, *amounts, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    found = Interpretation.read(path).nodes
    assert [node.id for node in found] == [f"{SITE}/{index}" for index in FEATURES]
    assert [[task.task for task in node.tasks] for node in found] == [["one"], ["one", "two"], ["two"]]
    assert [edge.weight for edge in found[0].upstream] == [-2.0, 0.5]
    # What one process computes another computes too, to the last digit.
    keys = set(NodeDescription.model_fields)
    assert [node.model_dump(mode="json", include=keys, exclude_unset=True) for node in found] == [
        node.plain() for node in nodes
    ]
    assert read_labels([path]) == {node.id: node.label for node in found}


def test_of_two_labels_the_later_file_counts_and_missing_ones_do_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "a.labels.json"
    counted = [{"id": name, "label": "counted"} for name in ("x/1", "x/2")]
    example(Interpretation, nodes=counted).write(first)
    generated = [{"id": "x/1", "label": "generated"}, {"id": "x/2", "label": None}]
    example(NodeLabels, nodes=generated).write(second)
    assert read_labels([first, second]) == {"x/1": "generated", "x/2": "counted"}
