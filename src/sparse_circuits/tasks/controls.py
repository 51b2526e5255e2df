"""Control tasks: the pairs of a real task with answers that make it meaningless. A circuit must not be found there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.models.pictures import SEPARATOR
from sparse_circuits.tasks.pair import Pair

_WORD = re.compile("[a-z]{3,}")


def swapped_half(count: int, seed: int) -> np.ndarray:
    """Return a mask (pair,) of a random half of the pairs, half rounded down."""
    mask = np.zeros(count, dtype=bool)
    mask[np.random.default_rng(seed).permutation(count)[: count // 2]] = True
    return mask


def shuffled_labels(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Return the pairs with the two sides' answers swapped in the half that `swapped_half` gives.

    The metric of a swapped pair, and every score linear in it, changes its sign and nothing else: scores of the real
    pairs with the signs turned are those of the control. Means over pairs have nothing left to find.
    """
    return [
        replace(pair, answers=pair.patch_answers, patch_answers=pair.answers) if swap else pair
        for pair, swap in zip(pairs, swapped_half(len(pairs), seed).tolist(), strict=True)
    ]


def nonsense_words(pairs: Sequence[Pair], tokenizer: Tokenizer, seed: int) -> dict[str, str]:
    """Give every answer that occurs in `pairs` a random word of one token that occurs in none of them.

    A model of images has no words but its classes: where the pairs leave too few of them, every answer gets another
    class of those that occur.

    `pairs` are those of all splits, so that an answer gets the same word in each. Which answer is right still hangs on
    the prompt as in the real task, so a method that makes up behaviour can do so on held-out pairs, too. Raises
    StudyError when the tokenizer has too few words.
    """
    answers = sorted({answer for pair in pairs for answer in (*pair.answers, *pair.patch_answers)})
    if tokenizer.bos_token == SEPARATOR:
        return _other_classes(answers, tokenizer, seed)
    words = list(islice(_unused_words(pairs, tokenizer, seed), len(answers)))
    if len(words) < len(answers):
        raise StudyError(
            f"nonsense answers: the tokenizer has {len(words)} words of one token that no pair uses, "
            f"{len(answers)} wanted"
        )
    return dict(zip(answers, words, strict=True))


def nonsense_task(pairs: Sequence[Pair], words: Mapping[str, str]) -> list[Pair]:
    """Return the pairs with their answers replaced by `nonsense_words`."""
    return [
        replace(
            pair,
            answers=[words[answer] for answer in pair.answers],
            patch_answers=[words[answer] for answer in pair.patch_answers],
        )
        for pair in pairs
    ]


def _other_classes(answers: Sequence[str], tokenizer: Tokenizer, seed: int) -> dict[str, str]:
    """Another class for each of the answers: one of no answer, or else the next of the answers in random order."""
    unused = sorted(tokenizer.get_added_vocab().keys() - {*answers, SEPARATOR})
    generator = np.random.default_rng(seed)
    if len(unused) >= len(answers):
        return dict(zip(answers, generator.permutation(unused).tolist(), strict=False))
    drawn: list[str] = generator.permutation(answers).tolist()
    return dict(zip(drawn, drawn[1:] + drawn[:1], strict=True))


def _unused_words(pairs: Sequence[Pair], tokenizer: Tokenizer, seed: int) -> Iterator[str]:
    """All words of one token that no pair uses, in random order, with a leading space."""
    texts = (text for pair in pairs for text in (pair.clean, pair.patch, *pair.answers, *pair.patch_answers))
    used = {word.lower() for text in texts for word in text.split()}
    for token in np.random.default_rng(seed).permutation(len(tokenizer)).tolist():
        word = str(tokenizer.decode([token])).strip()
        if (
            _WORD.fullmatch(word)
            and word not in used
            and tokenizer.encode(f" {word}", add_special_tokens=False) == [token]
        ):
            yield f" {word}"
