"""Control tasks take the answer away, and tell methods that find one all the same."""

from pathlib import Path

import pytest
import torch

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Coordinates, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.proof.controls import LIMIT, nonsense_gain, shuffled_faithfulness
from sparse_circuits.circuits.prove import ablation_effects
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.controls import nonsense_task, nonsense_words, shuffled_labels, swapped_half
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import encode_pairs
from worlds import seeded


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
    logits = torch.randn(count, len(tokenizer), generator=seeded.generator())
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
    model, empty = 4 + seeded.normal(30), seeded.normal(30)
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


def test_the_effect_of_ablating_a_node_is_that_of_its_mean_in_its_place(tiny: Model, groups: dict) -> None:
    """Neurons of the last layer, one at all positions and one at a single position, against edits by hand."""
    site = Site("mlp_neurons", 1)
    basis = {site: Coordinates(tiny.width(site))}
    train, test = ([part] for part in (groups["train"][0], groups["test"][0]))
    setup = Bench(tiny, test, basis)
    ((_, batch),) = test
    logits = run(tiny, batch.clean, logits="last").logits
    for by_position in (False, True):
        scores = score_nodes(
            Bench(tiny, train, basis, batch_tokens=10_000),
            Scoring(method="attribution_patching", by_position=by_position),
        )
        node, other = Node(site, 5, 3 if by_position else None), Node(site, 9, 2 if by_position else None)
        found = ablation_effects(setup, scores, [node, other, Node(site, None)])
        assert list(found) == [node.id, other.id]
        means, places = scores.means[site].at(batch.clean.shape[1])[0], slice(3, 4) if by_position else slice(1, None)

        def put(x: torch.Tensor, means: torch.Tensor = means, places: slice = places) -> torch.Tensor:
            changed = x.clone()
            changed[:, places, 5] = means[places, 5]
            return changed

        edited = run(tiny, batch.clean, edit={site: put}, logits="last").logits
        assert edited is not None
        expected = (logit_difference(edited[:, -1], batch) - logit_difference(logits[:, -1], batch)).mean()
        assert found[node.id] == pytest.approx(float(expected), rel=1e-4, abs=1e-6)
