"""Agreement errors through attractors: pairs of prompts in which the noun next to the verb does not agree, or does.

"The key near the cabinets" should go on with "is"; the answers are the subject's in both prompts (Linzen et al. 2016).
So the metric's gap is what attractors leak, and a patch prompt on which it is negative is an error. Subjects are
singular: plural nouns attract, singular ones hardly do (Bock and Miller 1991).
"""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from sparse_circuits.errors import StudyError
from sparse_circuits.tasks.agreement import single_token_words
from sparse_circuits.tasks.pairs import Pair
from sparse_circuits.tasks.words import PLURAL_ANSWERS, PREPOSITIONS, SINGULAR_ANSWERS, TEST, TRAIN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def attractor_pairs(split: str, count: int, seed: int, tokenizer: "PreTrainedTokenizerBase") -> list[Pair]:
    """Return `count` pairs: attractors that agree with the subject clean, ones that do not patch; drawn by `seed`.

    No noun stands in both splits. Raises StudyError when the word lists give too few.
    """
    words = single_token_words(TRAIN if split == "train" else TEST, tokenizer)
    subjects, nouns = words.people + words.things, words.things
    places = [
        (subject, near, first, far, second)
        for subject, near, first, far, second in product(subjects, PREPOSITIONS, nouns, PREPOSITIONS, nouns)
        if len({subject, first, second}) == 3 and near != far
    ]
    if len(places) < count:
        raise StudyError(f"task attractors: the word lists give {len(places)} {split} pairs, {count} wanted")
    chosen = np.random.default_rng([seed, split == "test"]).choice(len(places), count, replace=False)
    pairs = []
    for index, place in enumerate(chosen.tolist()):
        subject, near, first, far, second = places[place]
        clean, patch = (f"The {subject[0]} {near} the {first[one]} {far} the {second[one]}" for one in (0, 1))
        facts = {"subject": subject[0], "attractors": [first[0], second[0]]}
        answers = (list(SINGULAR_ANSWERS), list(PLURAL_ANSWERS))
        pairs.append(Pair(f"attractors-{split}-{index:04d}", clean, patch, *answers, facts))
    return pairs
