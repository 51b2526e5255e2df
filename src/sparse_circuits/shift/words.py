"""Words that state a gender, and text without them."""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

MALE = frozenset(
    {"he", "him", "his", "himself", "man", "men", "mr", "sir", "boy", "boys", "male", "father", "son", "brother"}
    | {"husband", "uncle", "nephew", "king", "gentleman"}
)
FEMALE = frozenset(
    {"she", "her", "hers", "herself", "woman", "women", "mrs", "ms", "miss", "girl", "girls", "female", "mother"}
    | {"daughter", "sister", "wife", "aunt", "niece", "queen", "lady"}
)
# Given names of the people whose biographies are written.
MALE_NAMES = ("James", "Robert", "John", "Michael", "David", "William", "Richard", "Thomas", "Daniel", "Peter")
FEMALE_NAMES = ("Mary", "Patricia", "Jennifer", "Linda", "Elizabeth", "Barbara", "Susan", "Jessica", "Sarah", "Karen")
GENDERED = MALE | FEMALE | {name.lower() for name in (*MALE_NAMES, *FEMALE_NAMES)}


def count_words(text: str, words: Iterable[str]) -> int:
    """Return how many of a text's words are among some, whatever their case."""
    wanted = set(words)
    return sum(word.lower() in wanted for word in re.findall(r"[A-Za-z]+", text))


def without_gender(text: str) -> str:
    """Return a text without the words of GENDERED."""
    return re.sub(r" ?\b[A-Za-z]+\b", lambda found: "" if found[0].strip().lower() in GENDERED else found[0], text)


def on_gendered(pieces: Sequence[str]) -> list[bool]:
    """Return for each piece of a text whether it is of one of GENDERED; `he` in `he|re` is not."""
    ends = list(accumulate(map(len, pieces)))
    words = [found.span() for found in re.finditer(r"[A-Za-z]+", "".join(pieces)) if found[0].lower() in GENDERED]
    begins = [end - len(piece) for end, piece in zip(ends, pieces, strict=True)]
    return [any(b < last and first < e for first, last in words) for b, e in zip(begins, ends, strict=True)]
