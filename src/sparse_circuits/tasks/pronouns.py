"""Which pronoun follows a profession, and which follows where gender is stated: pairs of prompts, female clean.

Professions and their stereotypes come from `sources.professions`; templates and gendered words are ours. No profession,
word or template stands in both splits.
"""

from collections.abc import Sequence
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import numpy as np

from sparse_circuits.errors import StudyError
from sparse_circuits.tasks.pairs import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHE, HE = [" she"], [" he"]
NEUTRAL = 0.3  # a word whose own gender is judged stronger says it itself

TEMPLATES = {
    "train": (
        "The {} said that",
        "The {} was late because",
        "The {} finished the job before",
        "I met the {} when",
        "The {} was happy that",
    ),
    "test": (
        "The {} went home after",
        "The {} lost the keys because",
        "My friend knows the {} and thinks that",
        "The {} smiled as",
        "We called the {} and asked if",
    ),
}

# Where gender is stated: by a noun, or by a word beside a profession.
STATED = {
    "train": (
        ("queen", "king"), ("mother", "father"), ("woman", "man"), ("girl", "boy"), ("sister", "brother"),
        ("wife", "husband"), ("lady", "gentleman"), ("female worker", "male worker"),
    ),
    "test": (
        ("princess", "prince"), ("daughter", "son"), ("aunt", "uncle"), ("actress", "actor"),
        ("grandmother", "grandfather"), ("niece", "nephew"), ("waitress", "waiter"),
        ("female student", "male student"),
    ),
}  # fmt: skip


def pronoun_pairs(
    professions: Sequence[dict[str, Any]], split: str, each: int, count: int, tokenizer: "PreTrainedTokenizerBase"
) -> list[Pair]:
    """Return at most `count` pairs: a female-stereotyped profession clean, a male-stereotyped one patch.

    The `each` most stereotyped professions of either side are taken, every other one for each split. Both of a pair
    have as many tokens.
    """
    female, male = _stereotyped(professions, split, each)
    return _profession_pairs("pronouns", female, male, split, count, tokenizer)


def _stereotyped(
    professions: Sequence[dict[str, Any]], split: str, each: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The professions of a split that most are held to be women's, and men's.

    A test profession has no word in common with one of training: "registered nurse" is no test of what "nurse" taught.
    """
    known = [p for p in professions if p["stereotype"] is not None and abs(p["gendered"]) <= NEUTRAL]
    known.sort(key=lambda p: (p["stereotype"], p["word"]))
    sides = [side[:each] for side in (known, known[::-1])]
    train = [side[::2] for side in sides]
    if split == "train":
        return train[0], train[1]
    taught = {word for side in train for p in side for word in p["word"].split()}
    female, male = ([p for p in side[1::2] if not taught & set(p["word"].split())] for side in sides)
    return female, male


def occupation_pairs(
    professions: Sequence[dict[str, Any]], split: str, each: int, count: int, tokenizer: "PreTrainedTokenizerBase"
) -> list[Pair]:
    """Return at most `count` pairs of occupations with labour statistics: more women clean, fewer patch.

    Every other occupation serves each split; none of `test` has a word of a profession that the pairs of pronouns train
    on, `each` of either side.
    """
    known = sorted((p for p in professions if p["female_share"] is not None), key=lambda p: p["female_share"])
    known = known[0 if split == "train" else 1 :: 2]
    if split == "test":
        taught = {word for side in _stereotyped(professions, "train", each) for p in side for word in p["word"].split()}
        known = [p for p in known if not taught & set(p["word"].split())]
    half = len(known) // 2
    return _profession_pairs("occupations", known[half:], known[:half], split, count, tokenizer)


def _profession_pairs(
    name: str,
    female: Sequence[dict[str, Any]],
    male: Sequence[dict[str, Any]],
    split: str,
    count: int,
    tokenizer: "PreTrainedTokenizerBase",
) -> list[Pair]:
    lengths = {p["word"]: _length(p["word"], tokenizer) for p in (*female, *male)}
    found = []
    for template in TEMPLATES[split]:
        partners = {length: cycle([m for m in male if lengths[m["word"]] == length]) for length in lengths.values()}
        for woman in female:
            man = next(partners[lengths[woman["word"]]], None)
            if man:
                facts = {
                    "template": template,
                    "profession": woman["word"],
                    "patch_profession": man["word"],
                    "female_share": woman["female_share"],
                    "patch_female_share": man["female_share"],
                }
                found.append((template.format(woman["word"]), template.format(man["word"]), facts))
    return _numbered(name, split, found, count)


def stated_gender_pairs(split: str, count: int, tokenizer: "PreTrainedTokenizerBase") -> list[Pair]:
    """Return at most `count` pairs in which a word states the gender: women clean, men patch, of as many tokens."""
    found = [
        (template.format(woman), template.format(man), {"template": template, "word": woman, "patch_word": man})
        for template, (woman, man) in product(TEMPLATES[split], STATED[split])
        if _length(woman, tokenizer) == _length(man, tokenizer)
    ]
    return _numbered("stated", split, found, count)


def _numbered(name: str, split: str, found: list[tuple[str, str, dict[str, Any]]], count: int) -> list[Pair]:
    if not found:
        raise StudyError(f"task {name}: the lists give no {split} pairs")
    # Spread over templates and words, whatever the count.
    order = np.random.default_rng([0, split == "test"]).permutation(len(found))[:count].tolist()
    return [
        Pair(f"{name}-{split}-{number:04d}", clean, patch, SHE, HE, facts)
        for number, (clean, patch, facts) in enumerate(found[index] for index in sorted(order))
    ]


def _length(word: str, tokenizer: "PreTrainedTokenizerBase") -> int:
    return len(tokenizer.encode(f" {word}", add_special_tokens=False))
