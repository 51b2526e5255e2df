"""The simple rule that best tells on which tokens a feature is active: a label made by counting, and how well it holds.

A rule names texts of tokens, or a property of them, at the token itself, at the one before or at the one after. Rules
are learned on some documents, chosen on others, and judged on those held out; what they are to tell is whether the
feature is active at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparse_circuits.artefacts.interpretation import DetectionScores
from sparse_circuits.interpret.firing import HELD_OUT, Firing

# Of the documents' numbers modulo HELD_OUT, the one that rules are chosen on; 0 is held out, the rest are learned on.
CHOOSE = 1
LARGEST = 64  # texts of tokens that a rule names at most
ENDING = 4  # letters of an ending at most
SHOWN = 4  # examples in the words of a rule
LIKELIEST = 3  # endings tried at each place
PLACES = {0: "on", -1: "after", 1: "before"}
PROPERTIES = {
    "numbers": str.isdigit,
    "capitalised words": lambda word: word[:1].isupper() and word[1:].islower(),
    "words in capitals": lambda word: len(word) > 1 and word.isalpha() and word.isupper(),
    "punctuation": lambda word: bool(word) and not any(letter.isalnum() for letter in word),
}


@dataclass(frozen=True)
class Vocabulary:
    """Texts that occur, and which one each token has: `number` (sequence, position). Case is ignored in `folded`."""

    texts: list[str]
    number: NDArray[np.int64]

    @classmethod
    def of(cls, firing: Firing, texts: dict[int, str]) -> "Vocabulary":
        """Number the texts {token id: text} of all tokens of a firing."""
        ids, number = np.unique(firing.token_id, return_inverse=True)
        return cls([texts[i] for i in ids.tolist()], number.reshape(firing.token_id.shape))

    @property
    def folded(self) -> list[str]:
        """Texts in small letters; those that continue a word differ by their missing space."""
        return [text.lower() for text in self.texts]


@dataclass(frozen=True)
class Rule:
    """A rule: in words, by which tokens it goes (their distance from the feature's), and for which texts it holds."""

    words: str
    offset: int  # 0 the token itself, -1 the one before, 1 the one after
    holds: NDArray[np.bool_]  # (text,)


def best_rule(firing: Firing, feature: int, vocabulary: Vocabulary) -> Rule | None:
    """Return the rule of the highest F1 for the feature in row `feature`; None where it is never active.

    Sets of texts are the best for F1 on what is learned on: those whose share of active tokens exceeds half of the F1
    reached, of which the LARGEST most frequent are kept.
    """
    remainder = firing.document % HELD_OUT
    learn, choose = remainder > CHOOSE, remainder == CHOOSE
    candidates = [rule for offset in PLACES for rule in _rules(firing, feature, vocabulary, offset, learn)]
    scored = [(rule_scores(firing, feature, vocabulary, rule, choose).f1, rule) for rule in candidates]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def rule_scores(
    firing: Firing, feature: int, vocabulary: Vocabulary, rule: Rule, sequences: NDArray[np.bool_]
) -> DetectionScores:
    """Return how well a rule tells the active tokens of the chosen `sequences` (sequence,) from the others."""
    inside = firing.cached & sequences[:, None]
    return detection_scores(firing.values[feature][inside] > 0, rule_says(vocabulary, rule)[inside])


def rule_says(vocabulary: Vocabulary, rule: Rule) -> NDArray[np.bool_]:
    """Return where a rule says that its feature is active: (sequence, position)."""
    return shifted(rule.holds[vocabulary.number], rule.offset, fill=False)


def detection_scores(active: NDArray[np.bool_], says: NDArray[np.bool_]) -> DetectionScores:
    """Return counts, precision, recall, F1 and balanced accuracy, the mean of both classes' recall.

    The first three are 0 where undefined, balanced accuracy is None where one class is missing.
    """
    parts = (active & says, ~active & says, active & ~says, ~active & ~says)
    tp, fp, fn, tn = (int(part.sum()) for part in parts)
    recall = tp / max(1, tp + fn)
    return DetectionScores(
        true_positives=tp,
        false_positives=fp,
        false_negatives=fn,
        true_negatives=tn,
        precision=tp / max(1, tp + fp),
        recall=recall,
        f1=2 * tp / max(1, 2 * tp + fp + fn),
        balanced_accuracy=(recall + tn / (tn + fp)) / 2 if tp + fn and tn + fp else None,
    )


def _rules(
    firing: Firing, feature: int, vocabulary: Vocabulary, offset: int, sequences: NDArray[np.bool_]
) -> Iterator[Rule]:
    """Yield candidates that go by the token at `offset`, learned on `sequences`."""
    # Moved the other way: which activation stands at `offset` before each token.
    values = shifted(firing.values[feature], -offset, fill=0)
    inside = shifted(firing.cached, -offset, fill=False) & sequences[:, None]
    numbers = vocabulary.number[inside]
    occurs = np.bincount(numbers, minlength=len(vocabulary.texts))
    active = np.bincount(numbers[values[inside] > 0], minlength=len(vocabulary.texts))
    mass = np.bincount(numbers, weights=values[inside], minlength=len(vocabulary.texts))
    total = int(active.sum())
    if not total:
        return
    folded = vocabulary.folded
    same = _grouped(folded, active, occurs)
    holds = np.isin(folded, _best_set(same, total))
    yield Rule(f"{PLACES[offset]} {_examples(vocabulary.folded, mass * holds)}", offset, holds)
    stripped = [text.strip() for text in vocabulary.texts]
    endings = {
        ending
        for _, ending in sorted(
            (
                (-_f1(*counts, total), ending)
                for length in range(1, ENDING + 1)
                for ending, counts in _grouped(
                    [text[-length:] if text.isalpha() and len(text) > length else "" for text in stripped],
                    active,
                    occurs,
                ).items()
                if ending
            )
        )[:LIKELIEST]
    }
    properties = {f"tokens in -{ending}": _ends(ending) for ending in sorted(endings)} | PROPERTIES
    for name, has in properties.items():
        holds = np.array([has(text) for text in stripped])
        if active[holds].sum():
            yield Rule(f"{PLACES[offset]} {name} ({_examples(folded, mass * holds)})", offset, holds)


def _ends(ending: str) -> Any:
    return lambda text: text.isalpha() and len(text) > len(ending) and text.endswith(ending)


def _examples(texts: Sequence[str], mass: NDArray[Any]) -> str:
    """The different texts that have most of the activation, the largest first."""
    ordered = dict.fromkeys(texts[i] for i in np.argsort(-mass, kind="stable").tolist() if mass[i] > 0)
    return ", ".join(f'"{text}"' for text in list(ordered)[:SHOWN]) + (" ..." if len(ordered) > SHOWN else "")


def _grouped(keys: Sequence[str], active: NDArray[np.int64], occurs: NDArray[np.int64]) -> dict[str, tuple[int, int]]:
    """Sum (active, occurs) of the texts that have the same key, for keys with any active."""
    found: dict[str, tuple[int, int]] = {}
    for key, a, n in zip(keys, active.tolist(), occurs.tolist(), strict=True):
        if n:
            before = found.get(key, (0, 0))
            found[key] = (before[0] + a, before[1] + n)
    return {key: counts for key, counts in found.items() if counts[0]}


def _f1(active: int, occurs: int, total: int) -> float:
    return 2 * active / (total + occurs)


def _best_set(groups: dict[str, tuple[int, int]], total: int) -> list[str]:
    """Return the set of groups of highest F1, of which the LARGEST most often active are kept.

    F1 of a set is highest for the groups whose precision exceeds half of it, so the best set is a prefix of the groups
    in the order of precision (Lipton et al. 2014, arXiv 1402.1892).
    """
    # One occurrence more than seen: a text that was active once in one occurrence is not sure to be.
    ordered = sorted(groups.items(), key=lambda item: (-item[1][0] / (item[1][1] + 1), item[0]))
    hits, seen = (np.cumsum([counts[i] for _, counts in ordered]) for i in (0, 1))
    best = int(np.argmax(2 * hits / (total + seen)))
    return [text for text, _ in sorted(ordered[: best + 1], key=lambda item: (-item[1][0], item[0]))[:LARGEST]]


def shifted(values: NDArray[Any], offset: int, fill: Any) -> NDArray[Any]:
    """Return what stands `offset` positions on: result[:, p] = values[:, p + offset], `fill` beyond the sequence."""
    result = np.full_like(values, fill)
    if offset > 0:
        result[:, :-offset] = values[:, offset:]
    elif offset < 0:
        result[:, -offset:] = values[:, :offset]
    else:
        result[:] = values
    return result
