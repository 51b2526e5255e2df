"""Pairs differ in one fact, splits share no word, and bad pairs are named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_circuits.base.errors import StudyError
from sparse_circuits.edit.evaluate import Trials, judge_variants
from sparse_circuits.edit.measure import TextEffects, Variant, differences
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.tasks.agreement import TEMPLATES, agreement_pairs
from sparse_circuits.tasks.attractors import CONSTRUCTIONS, attractor_pairs
from sparse_circuits.tasks.occupations import occupation_pairs
from sparse_circuits.tasks.pair import Pair, read_pairs, write_pairs
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.tasks.pronouns import pronoun_pairs
from sparse_circuits.tasks.words import TEST, TRAIN

NOUNS_AND_VERBS = [
    {form for group in (words.people, words.things, words.verbs) for forms in group for form in forms}
    for words in (TRAIN, TEST)
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_clean_and_patch_differ_in_the_subjects_number_alone(template: str, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    numbers = dict(form for group in (TRAIN.people, TRAIN.things) for form in group)
    numbers |= {plural: singular for singular, plural in numbers.items()}
    pairs = agreement_pairs(template, "train", 100, 0, tokenizer)
    for pair in pairs:
        clean, patch = pair.clean.split(), pair.patch.split()
        different = [(a, b) for a, b in zip(clean, patch, strict=True) if a != b]
        assert different == [(pair.variables["subject"], numbers[pair.variables["subject"]])]
    assert sum(pair.variables["number"] == "singular" for pair in pairs) == 50
    assert len({(pair.clean, pair.patch) for pair in pairs}) == 100
    assert len(encode_pairs(pairs, tokenizer, 0)) == 1, "all of one length"


def test_no_noun_or_verb_of_test_occurs_in_train() -> None:
    assert not NOUNS_AND_VERBS[0] & NOUNS_AND_VERBS[1]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_sentences_of_a_split_use_its_own_words(template: str, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    for split, foreign in (("train", NOUNS_AND_VERBS[1]), ("test", NOUNS_AND_VERBS[0])):
        words = {word for pair in agreement_pairs(template, split, 100, 0, tokenizer) for word in pair.clean.split()}
        assert not words & foreign


def test_pairs_survive_their_file_and_the_seed_chooses_them(tiny_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    pairs = agreement_pairs("rc", "test", 30, 0, tokenizer)
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    assert read_pairs(tmp_path / "pairs.jsonl") == pairs
    assert agreement_pairs("rc", "test", 30, 0, tokenizer) == pairs
    assert agreement_pairs("rc", "test", 30, 1, tokenizer) != pairs


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_attractors_alone_differ_and_the_subject_stays_singular(construction: str, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    singular = {one for words in (TRAIN, TEST) for one, _ in words.people + words.things}
    plural = {many for words in (TRAIN, TEST) for _, many in words.people + words.things}
    pairs = attractor_pairs(construction, "train", 12, 0, tokenizer)
    for pair in pairs:
        clean, patch = pair.clean.split(), pair.patch.split()
        changed = [(a, b) for a, b in zip(clean, patch, strict=True) if a != b]
        nouns = [(a, b) for a, b in changed if a in singular]
        assert [a for a, _ in nouns] == pair.variables["attractors"]
        assert all(b in plural for _, b in nouns)
        assert len(changed) - len(nouns) == (construction == "object_relative")  # the attractor's own verb
        assert clean[1] == patch[1] == pair.variables["subject"]
        assert pair.answers == [" is", " was", " has"]
    assert attractor_pairs(construction, "train", 12, 0, tokenizer) == pairs
    assert attractor_pairs(construction, "train", 12, 1, tokenizer) != pairs
    if construction != "prepositions":
        with pytest.raises(StudyError, match=r"task attractors: the word lists give .* test pairs, 4000 wanted"):
            attractor_pairs(construction, "test", 4000, 0, tokenizer)


def test_more_pairs_than_words_allow_is_said_so(tiny_folder: Path) -> None:
    with pytest.raises(StudyError, match=r"task simple: the word lists give \d+ train pairs, 100000 wanted"):
        agreement_pairs("simple", "train", 100_000, 0, load_tokenizer(tiny_folder))


GOOD = '"clean": "The key", "patch": "The keys", "answers": [" is"], "patch_answers": [" are"]'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{" + GOOD + ', "answer": [" is"]}', "pairs.jsonl:2: unknown field `answer`; fields are id, clean, patch"),
        ('{"clean": "The key"}', "pairs.jsonl:2: field `patch` must be a text, found None"),
        ("{" + GOOD.replace('[" is"]', "[]") + "}", r"pairs.jsonl:2: field `answers` must be a list .* found \[\]"),
        ("{" + GOOD.replace('" are"', '" is"') + "}", r"pairs.jsonl:2: `answers` and `patch_answers` share \[' is'\]"),
        ("{not json", "pairs.jsonl:2: not JSON"),
    ],
)
def test_a_bad_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{" + GOOD + "}\n" + line + "\n")
    with pytest.raises(StudyError, match=message):
        read_pairs(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            GOOD.replace("The keys", "The keys near"),
            "pair pairs-0001: `clean` has 2 tokens and `patch` 3; they must be",
        ),
        (GOOD.replace('" is"', '"is the"'), "pair pairs-0001: answer 'is the' is 3 tokens .* must be single tokens"),
    ],
)
def test_a_pair_that_does_not_fit_the_tokenizer_is_named(
    line: str, message: str, tiny_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{" + line + "}\n")
    with pytest.raises(StudyError, match=message):
        encode_pairs(read_pairs(path), load_tokenizer(tiny_folder), 0)


PROFESSIONS = [
    {"word": word, "stereotype": stereotype, "gendered": 0.0, "female_share": share}
    for word, stereotype, share in (
        ("nurse", -0.9, 0.91), ("friend", -0.8, 0.8), ("registered nurse", -0.7, 0.9), ("teacher", -0.6, None),
        ("owner", -0.1, 0.5), ("guard", 0.1, 0.4), ("student", 0.5, None), ("head guard", 0.6, 0.2),
        ("doctor", 0.7, 0.3), ("pilot", 0.8, 0.1), ("singer", 0.0, 0.6), ("lawyer", 0.2, 0.35), ("farmer", 0.3, 0.25),
        ("dancer", -0.3, 0.7), ("writer", -0.2, 0.55), ("painter", -0.25, 0.65),
    )
]  # fmt: skip


def test_no_test_profession_has_a_word_of_one_that_was_trained_on(tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)

    def words(pairs: list[Pair]) -> set[str]:
        told = [p.variables[name] for p in pairs for name in ("profession", "patch_profession")]
        return {word for profession in told for word in profession.split()}

    taught = words(pronoun_pairs(PROFESSIONS, "train", 4, 1000, tokenizer))
    assert "nurse" in taught
    for tested in (
        pronoun_pairs(PROFESSIONS, "test", 4, 1000, tokenizer),
        occupation_pairs(PROFESSIONS, "test", 4, 1000, tokenizer),
    ):
        assert tested
        assert not taught & words(tested)
        for pair in tested:
            clean, patch = (len(tokenizer.encode(text, add_special_tokens=False)) for text in (pair.clean, pair.patch))
            assert clean == patch


def test_the_correlation_is_over_occupations_and_not_over_their_shares(tiny: Model, tiny_folder: Path) -> None:
    """Occupations with one share of women are as many points."""
    tokenizer = load_tokenizer(tiny_folder)
    alike = [{**p, "female_share": 0.9 if p["stereotype"] < 0 else 0.1} for p in PROFESSIONS]
    # " she" is no single token of the tiny vocabulary.
    made = occupation_pairs(alike, "train", 1, 1000, tokenizer)
    pairs = [replace(pair, answers=[" is"], patch_answers=[" are"]) for pair in made]
    trials, text = Trials(pairs, {}, pairs, tiny, 0), TextEffects(0.0, 0.0, torch.zeros(1, 1))
    found = judge_variants({"before": Variant(tiny)}, trials, {"before": text})["before"]
    points: dict[str, tuple[float, list[float]]] = {}
    both = differences(Variant(tiny), encode_pairs(pairs, tokenizer, tiny.separator_id))
    for pair, clean, patch in zip(pairs, both.clean.tolist(), both.patch.tolist(), strict=True):
        points.setdefault(pair.variables["profession"], (0.9, []))[1].append(clean)
        points.setdefault(pair.variables["patch_profession"], (0.1, []))[1].append(patch)
    x, y = zip(*((share, sum(values) / len(values)) for share, values in points.values()), strict=True)
    assert len(x) > 2
    assert found["correlation"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found["correlation_ci95"][0] <= found["correlation"] <= found["correlation_ci95"][1]
