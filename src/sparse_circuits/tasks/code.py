"""Pairs for the 20 tasks on Python code, filled from templates so that every answer is one token."""

import random
import re
from typing import Literal

from pydantic import Field

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Positive
from sparse_circuits.config.code_tasks import CodeTask
from sparse_circuits.tasks.code_templates import TASKS, TEST_NAMES, TEST_WORDS, TRAIN_NAMES, TRAIN_WORDS, Template
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair

TRIES = 60  # fillings tried for each pair wanted
HELD_OUT = 0.25  # the last part of the training pairs, which decides on a circuit's size: it has templates of its own
# What may stand before the shorter prompt of a pair, so that both have the same length.
LINES = ("", "\n", "#\n", "#\n\n#\n", "#\n#\n", "import re\n", "import os\nimport re\n")


class CodePairs(TaskSettings):
    """Pairs of one of the 20 tasks on Python code."""

    kind: Literal["code"]
    task: CodeTask = Field(description="which of the 20 tasks on code")
    train: Positive = Field(description="pairs to find circuits on")
    test: Positive = Field(description="pairs to judge circuits on")


def make(settings: CodePairs, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    return code_pairs(settings.task, split, settings.count(split), sources.seed, sources.tokenizer)


def code_pairs(task: str, split: Split, count: int, seed: int, tokenizer: Tokenizer) -> list[Pair]:
    """Return `count` different pairs of a task of TASKS, as many with each of the two answers.

    Templates, names and words of `test` are none of `train`'s; the last HELD_OUT of the training pairs have templates
    that the others have not. A prompt's answer is the first token of what follows. Only fillings are taken whose
    prompts end where a token ends; a line before the shorter one makes them equally long. Raises StudyError when the
    tokenizer leaves too few, with what was wrong most often.
    """
    names, words = (TRAIN_NAMES, TRAIN_WORDS) if split == "train" else (TEST_NAMES, TEST_WORDS)
    source = random.Random(f"{task}/{split}/{seed}")
    found: dict[tuple[str, str], Pair] = {}
    reasons: dict[str, int] = {}
    for number in range(TRIES * count):
        if len(found) == count:
            return list(found.values())
        held_out = split == "train" and len(found) >= round(count * (1 - HELD_OUT))
        templates = getattr(TASKS[task], "held_out" if held_out else split)
        filled = _fill(templates[number % len(templates)], names, words, source)
        # Every other pair is turned round, so that each answer is right as often.
        clean, clean_next, patch, patch_next = filled if len(found) % 2 == 0 else (*filled[2:], *filled[:2])
        try:
            clean, patch = _level(clean, patch, tokenizer)
            answers = [_answer(*part, tokenizer) for part in ((clean, clean_next), (patch, patch_next))]
            if answers[0] == answers[1]:
                raise ValueError(f"both answers begin with {answers[0]!r}")
        except ValueError as reason:
            reasons[str(reason)] = reasons.get(str(reason), 0) + 1
            continue
        variables = {"answer": "first" if len(found) % 2 == 0 else "second"}
        found.setdefault(
            (clean, patch),
            Pair(f"{task}-{split}-{len(found):04d}", clean, patch, [answers[0]], [answers[1]], variables),
        )
    why = max(reasons, key=lambda reason: reasons[reason]) if reasons else "every filling was made before"
    raise StudyError(f"task {task}: {len(found)} of {count} {split} pairs can be made with this tokenizer; {why}")


def _fill(template: Template, names: list[str], words: list[str], source: random.Random) -> tuple[str, str, str, str]:
    a, b, c = source.sample(names, 3)
    chosen = {"a": a, "b": b, "c": c}
    # Each {w} of a prompt is another word, the same ones in both prompts.
    row = source.sample(words, 4)
    filled = []
    for text in template:
        left = iter(row)
        numbered = re.sub(r"(?<!\{)\{w\}", lambda _: next(left), text)  # noqa: B023
        filled.append(numbered.format(**chosen))
    return filled[0], filled[1], filled[2], filled[3]


def _level(clean: str, patch: str, tokenizer: Tokenizer) -> tuple[str, str]:
    """Put a line before the shorter prompt so that both are equally long; raises ValueError where none fits."""
    for line in LINES:
        for first, second in ((line, ""), ("", line)):
            if len(tokenizer.tokenize(first + clean)) == len(tokenizer.tokenize(second + patch)):
                return first + clean, second + patch
    raise ValueError(f"{clean!r} and {patch!r} differ in length")


def _answer(prompt: str, follows: str, tokenizer: Tokenizer) -> str:
    """The text of the first token of what follows; raises ValueError where that token begins within the prompt."""
    before = tokenizer.encode(prompt, add_special_tokens=False)
    whole = tokenizer.encode(prompt + follows, add_special_tokens=False)
    if whole[: len(before)] != before:
        raise ValueError(f"{prompt!r} does not end where a token ends before {follows!r}")
    answer = str(tokenizer.decode([whole[len(before)]]))
    if tokenizer.encode(answer, add_special_tokens=False) != [whole[len(before)]]:
        raise ValueError(f"answer {answer!r} is not one token by itself")
    return answer
