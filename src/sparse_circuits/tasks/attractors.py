"""Agreement errors through attractors: pairs of prompts in which the nouns before the verb do not agree, or do.

"The owner that follows the teachers" should go on with "is"; the answers are the subject's in both prompts (Linzen et
al. 2016). So the metric's gap is what attractors leak, and a prompt on which it is negative is an error. Subjects are
singular: plural nouns attract, singular ones hardly do (Bock and Miller 1991).
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Positive
from sparse_circuits.tasks.agreement import single_token_words
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.words import PLURAL_ANSWERS, PREPOSITIONS, SINGULAR_ANSWERS, TEST, TRAIN, Words

# A sentence: its subject, its prefix with attractors that agree and with ones that do not, and the attractors.
Sentence = tuple[str, tuple[str, str], tuple[str, ...]]
PATIENCE = 50  # draws for each pair wanted

T = TypeVar("T")


class Attractors(TaskSettings):
    """Pairs in which the nouns before the verb agree with the subject, or do not."""

    kind: Literal["attractors"]
    construction: Literal["prepositions", "subject_relative", "object_relative"] = Field(
        "prepositions",
        description="near the cabinets behind the doors; that follows the guards; that the guards follow",
    )
    train: Positive = Field(100, description="pairs to choose edits on")
    test: Positive = Field(100, description="pairs to judge edits by")


def make(settings: Attractors, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    return attractor_pairs(settings.construction, split, settings.count(split), sources.seed, sources.tokenizer)


def _one(drawing: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(drawing.integers(len(options)))]


def _prepositions(words: Words, drawing: np.random.Generator) -> Sentence:
    """The key near the cabinets behind the doors"""
    subject = _one(drawing, words.people + words.things)
    (near, far), (first, second) = (
        (_one(drawing, options), _one(drawing, options)) for options in (PREPOSITIONS, words.things)
    )
    clean, patch = (f"The {subject[0]} {near} the {first[one]} {far} the {second[one]}" for one in (0, 1))
    return subject[0], (clean, patch), (first[0], second[0])


def _subject_relatives(words: Words, drawing: np.random.Generator) -> Sentence:
    """The owner that follows the teachers"""
    subject, noun, verb = _one(drawing, words.people), _one(drawing, words.people), _one(drawing, words.verbs)
    clean, patch = (f"The {subject[0]} that {verb[0]} the {noun[number]}" for number in (0, 1))
    return subject[0], (clean, patch), (noun[0],)


def _object_relatives(words: Words, drawing: np.random.Generator) -> Sentence:
    """The owner that the teachers follow"""
    subject, noun, verb = _one(drawing, words.people), _one(drawing, words.people), _one(drawing, words.verbs)
    clean, patch = (f"The {subject[0]} that the {noun[number]} {verb[number]}" for number in (0, 1))
    return subject[0], (clean, patch), (noun[0],)


CONSTRUCTIONS: dict[str, Callable[[Words, np.random.Generator], Sentence]] = {
    "prepositions": _prepositions,
    "subject_relative": _subject_relatives,
    "object_relative": _object_relatives,
}


def attractor_pairs(construction: str, split: str, count: int, seed: int, tokenizer: Tokenizer) -> list[Pair]:
    """Return `count` pairs: attractors that agree with the subject clean, ones that do not patch; drawn by `seed`.

    No noun or verb stands in both splits, none twice in a prompt. Raises StudyError when the word lists give too few.
    """
    words = single_token_words(TRAIN if split == "train" else TEST, tokenizer)
    drawing = np.random.default_rng([seed, split == "test"])
    drawn: dict[Sentence, None] = {}
    for _ in range(PATIENCE * count):
        subject, (clean, patch), attractors = CONSTRUCTIONS[construction](words, drawing)
        if len({subject, *attractors}) == 1 + len(attractors):
            drawn[subject, (clean, patch), attractors] = None
        if len(drawn) == count:
            break
    else:
        raise StudyError(f"task attractors: the word lists give {len(drawn)} {split} pairs, {count} wanted")
    answers = (list(SINGULAR_ANSWERS), list(PLURAL_ANSWERS))
    return [
        Pair(
            f"attractors-{split}-{number:04d}",
            clean,
            patch,
            *answers,
            {"subject": subject, "attractors": list(attractors)},
        )
        for number, (subject, (clean, patch), attractors) in enumerate(drawn)
    ]
