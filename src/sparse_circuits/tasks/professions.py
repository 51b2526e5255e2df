"""Sentences in which a pronoun follows a profession, or a word that states the gender: pairs, female clean.

Professions and their stereotypes come from `sources.professions`; templates are ours. No profession, word or template
stands in both splits.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.tasks.pair import Pair

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


def stereotyped(
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


def profession_pairs(
    name: str,
    female: Sequence[dict[str, Any]],
    male: Sequence[dict[str, Any]],
    split: str,
    count: int,
    tokenizer: Tokenizer,
) -> list[Pair]:
    lengths = {p["word"]: token_count(p["word"], tokenizer) for p in (*female, *male)}
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
    return numbered_pairs(name, split, found, count)


def numbered_pairs(name: str, split: str, found: list[tuple[str, str, dict[str, Any]]], count: int) -> list[Pair]:
    if not found:
        raise StudyError(f"task {name}: the lists give no {split} pairs")
    # Spread over templates and words, whatever the count.
    order = np.random.default_rng([0, split == "test"]).permutation(len(found))[:count].tolist()
    return [
        Pair(f"{name}-{split}-{number:04d}", clean, patch, SHE, HE, facts)
        for number, (clean, patch, facts) in enumerate(found[index] for index in sorted(order))
    ]


def token_count(word: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(f" {word}", add_special_tokens=False))
