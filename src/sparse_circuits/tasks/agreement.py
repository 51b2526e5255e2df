"""Subject-verb agreement: pairs of prefixes that differ in the subject's number alone.

The four constructions of Marks et al. 2024 (Sparse Feature Circuits, arXiv 2403.19647), after Linzen et al. 2016 and
Finlayson et al. 2021, from word lists of our own.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Literal

import numpy as np
from pydantic import Field

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Positive
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.words import (
    DETERMINERS,
    PLURAL_ANSWERS,
    PREPOSITIONS,
    SINGULAR_ANSWERS,
    TEST,
    TRAIN,
    Forms,
    Words,
)

# A sentence: its prefix with {} for the subject, the subject's two forms, and the words that vary.
Sentence = tuple[str, Forms, dict[str, str]]

NUMBERS = ("singular", "plural")


class Agreement(TaskSettings):
    """Subject-verb agreement pairs made from the word lists of the library."""

    kind: Literal["agreement"]
    template: Literal["simple", "nounpp", "rc", "within_rc"] = Field(
        description="kind of sentence (docs/reference/tasks.md)"
    )
    train: Positive = Field(100, description="pairs to find circuits on")
    test: Positive = Field(100, description="pairs to judge circuits on")


def make(settings: Agreement, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    return agreement_pairs(settings.template, split, settings.count(split), sources.seed, sources.tokenizer)


def _simple(words: Words) -> Iterator[Sentence]:
    for determiner, subject in product(DETERMINERS, words.people + words.things):
        yield f"{determiner} {{}}", subject, {"determiner": determiner}


def _nounpp(words: Words) -> Iterator[Sentence]:
    subjects = words.people + words.things
    for preposition, subject, noun, number in product(PREPOSITIONS, subjects, words.things, (0, 1)):
        if noun != subject:
            facts = {"preposition": preposition, "attractor": noun[number], "attractor_number": NUMBERS[number]}
            yield f"The {{}} {preposition} the {noun[number]}", subject, facts


def _rc(words: Words) -> Iterator[Sentence]:
    for verb, subject, noun, number in product(words.verbs, words.people, words.people, (0, 1)):
        if noun != subject:
            facts = {"verb": verb[number], "attractor": noun[number], "attractor_number": NUMBERS[number]}
            yield f"The {{}} that the {noun[number]} {verb[number]}", subject, facts


def _within_rc(words: Words) -> Iterator[Sentence]:
    for head, subject, number in product(words.people, words.people, (0, 1)):
        if head != subject:
            yield f"The {head[number]} that the {{}}", subject, {"head": head[number], "head_number": NUMBERS[number]}


TEMPLATES: dict[str, Callable[[Words], Iterator[Sentence]]] = {
    "simple": _simple,
    "nounpp": _nounpp,
    "rc": _rc,
    "within_rc": _within_rc,
}


def agreement_pairs(template: str, split: str, count: int, seed: int, tokenizer: Tokenizer) -> list[Pair]:
    """Return `count` pairs of a split, half with a singular and half with a plural clean subject, drawn by `seed`.

    Only words whose two forms are single tokens are used, so that clean and patch have equal length. Raises StudyError
    when too few sentences can be made.
    """
    words = single_token_words(TRAIN if split == "train" else TEST, tokenizer)
    sentences = list(TEMPLATES[template](words))
    if len(sentences) < count:
        raise StudyError(f"task {template}: the word lists give {len(sentences)} {split} pairs, {count} wanted")
    chosen = np.random.default_rng([seed, split == "test"]).permutation(len(sentences))[:count]
    return [_pair(f"{template}-{split}-{n:04d}", n % 2, *sentences[i]) for n, i in enumerate(chosen.tolist())]


def _pair(name: str, number: int, prefix: str, subject: Forms, variables: dict[str, str]) -> Pair:
    answers = [list(SINGULAR_ANSWERS), list(PLURAL_ANSWERS)]
    facts: dict[str, Any] = {"subject": subject[number], "number": NUMBERS[number], **variables}
    clean, patch = (prefix.format(subject[n]) for n in (number, 1 - number))
    return Pair(name, clean, patch, answers[number], answers[1 - number], facts)


def single_token_words(words: Words, tokenizer: Tokenizer) -> Words:
    def single(forms: Forms) -> bool:
        return all(len(tokenizer.encode(" " + form, add_special_tokens=False)) == 1 for form in forms)

    return Words(*(tuple(filter(single, group)) for group in (words.people, words.things, words.verbs)))
