"""Agreement errors through attractors: pairs of prompts in which the nouns before the verb do not agree, or do.

"The owner that follows the teachers" should go on with "is"; the answers are the subject's in both prompts (Linzen et
al. 2016). So the metric's gap is what attractors leak, and a prompt on which it is negative is an error. Subjects are
singular: plural nouns attract, singular ones hardly do (Bock and Miller 1991).
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from sparse_circuits.errors import StudyError
from sparse_circuits.tasks.agreement import single_token_words
from sparse_circuits.tasks.pairs import Pair
from sparse_circuits.tasks.words import PLURAL_ANSWERS, PREPOSITIONS, SINGULAR_ANSWERS, TEST, TRAIN, Words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


# A sentence: its subject, its prefix with attractors that agree and with ones that do not, and the attractors.
Sentence = tuple[str, tuple[str, str], list[str]]


def _relative_clauses(words: Words) -> Iterator[Sentence]:
    """The owner that follows the teachers"""
    for subject, verb, noun in product(words.people, words.verbs, words.people):
        if subject != noun:
            clean, patch = (f"The {subject[0]} that {verb[0]} the {noun[number]}" for number in (0, 1))
            yield subject[0], (clean, patch), [noun[0]]


def _prepositions(words: Words) -> Iterator[Sentence]:
    """The key near the cabinets behind the doors"""
    subjects, nouns = words.people + words.things, words.things
    for subject, near, first, far, second in product(subjects, PREPOSITIONS, nouns, PREPOSITIONS, nouns):
        if len({subject, first, second}) == 3 and near != far:
            clean, patch = (f"The {subject[0]} {near} the {first[one]} {far} the {second[one]}" for one in (0, 1))
            yield subject[0], (clean, patch), [first[0], second[0]]


CONSTRUCTIONS: dict[str, Callable[[Words], Iterator[Sentence]]] = {
    "prepositions": _prepositions,
    "relative_clause": _relative_clauses,
}


def attractor_pairs(
    construction: str, split: str, count: int, seed: int, tokenizer: "PreTrainedTokenizerBase"
) -> list[Pair]:
    """Return `count` pairs: attractors that agree with the subject clean, ones that do not patch; drawn by `seed`.

    No noun or verb stands in both splits. Raises StudyError when the word lists give too few.
    """
    sentences = list(CONSTRUCTIONS[construction](single_token_words(TRAIN if split == "train" else TEST, tokenizer)))
    if len(sentences) < count:
        raise StudyError(f"task attractors: the word lists give {len(sentences)} {split} pairs, {count} wanted")
    chosen = np.random.default_rng([seed, split == "test"]).choice(len(sentences), count, replace=False)
    pairs = []
    for number, index in enumerate(chosen.tolist()):
        subject, (clean, patch), attractors = sentences[index]
        answers = (list(SINGULAR_ANSWERS), list(PLURAL_ANSWERS))
        facts = {"subject": subject, "attractors": attractors}
        pairs.append(Pair(f"attractors-{split}-{number:04d}", clean, patch, *answers, facts))
    return pairs
