"""Natural sentences for agreement: beginnings of corpus sentences that stop where a verb shows the subject's number."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.tasks.agreement import NUMBERS
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.words import PLURAL_ANSWERS, SINGULAR_ANSWERS

VERBS = re.compile("(" + "|".join((*SINGULAR_ANSWERS, *PLURAL_ANSWERS)) + r")(?=[ ,])")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
# Words, commas, hyphens and apostrophes: what is left out are lists, titles, quotations and cut abbreviations.
PLAIN = re.compile(r"[A-Z][\w ,'’-]*\w")
# After these the verb's form does not follow from a subject before it.
UNDECIDED = re.compile(
    r".*\b(i|you|there|here|to|not|never|also|always|will|would|can|could|may|might|must|shall|should|do|does|did|if|what|"
    r"who|where|when|why|how|which|whom|whose)",
    re.IGNORECASE,
)

Row = tuple[str, str]  # a prefix and the verb that follows it in the corpus


def natural_pairs(
    documents: Sequence[str], used: Collection[int], lengths: Sequence[int], count: int, seed: int, tokenizer: Tokenizer
) -> tuple[list[Pair], list[Pair]]:
    """Return `count` prefixes to fit on and `count` to judge by, from documents (document,) whose number is not `used`.

    A prefix runs from the beginning of a sentence to before its first is, are, was, were, has or have, and has as many
    tokens as one of `lengths`. Each document gives one prefix at most, so that the halves share none. At each length
    half of the prefixes are singular; a prefix's `patch` is one of the same length and half, of the other number, and
    otherwise unrelated. Raises StudyError when the documents hold too few.
    """
    order = np.random.default_rng(seed).permutation(len(documents)).tolist()
    free = [(number, documents[number]) for number in order if number not in used]
    seen: set[str] = set()
    halves: list[list[Pair]] = []
    for half, name in enumerate(("fit", "judge")):
        found: dict[int, tuple[list[Pair], list[Pair]]] = defaultdict(lambda: ([], []))
        for document, text in free[half::2]:
            for prefix, verb in sentence_prefixes(text):
                length = len(tokenizer.encode(prefix, add_special_tokens=False))
                if length in lengths and prefix not in seen:
                    seen.add(prefix)
                    number = int(verb in PLURAL_ANSWERS)
                    found[length][number].append(_pair(prefix, verb, number, document))
                    break
        halves.append(_matched(found, count, name))
    return halves[0], halves[1]


def sentence_prefixes(text: str) -> list[Row]:
    """Return, for each statement of a text, its beginning up to the first verb of the answers, and that verb."""
    rows = []
    for sentence in SENTENCE.split(text):
        verb = VERBS.search(sentence)
        if verb is None or sentence.rstrip().endswith("?"):
            continue
        prefix = sentence[: verb.start()]
        if PLAIN.fullmatch(prefix) and "--" not in prefix and not UNDECIDED.fullmatch(prefix):
            rows.append((prefix, verb[0]))
    return rows


def _pair(prefix: str, verb: str, number: int, document: int) -> Pair:
    answers = [list(SINGULAR_ANSWERS), list(PLURAL_ANSWERS)]
    facts = {"number": NUMBERS[number], "verb": verb, "document": document}
    return Pair("", prefix, "", answers[number], answers[1 - number], facts)


def _matched(found: dict[int, tuple[list[Pair], list[Pair]]], count: int, half: str) -> list[Pair]:
    """The first `count` prefixes, singular and plural in turn, each the other's patch."""
    couples = [couple for _, sides in sorted(found.items()) for couple in zip(*sides, strict=False)]
    couples.sort(key=lambda couple: couple[0].variables["document"])
    if 2 * len(couples) < count:
        raise StudyError(f"natural sentences: {2 * len(couples)} to {half}, {count} wanted; lower transfer.sentences")
    crossed = [(replace(one, patch=other.clean), replace(other, patch=one.clean)) for one, other in couples]
    rows = [pair for couple in crossed for pair in couple][:count]
    return [replace(row, id=f"natural-{half}-{number:04d}") for number, row in enumerate(rows)]
