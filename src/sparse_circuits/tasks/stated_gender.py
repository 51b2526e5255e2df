"""Which pronoun follows where gender is stated: women clean, men patch."""

from itertools import product
from typing import ClassVar, Literal

from pydantic import Field

from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Positive
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.professions import TEMPLATES, numbered_pairs, token_count

# Where gender is stated: by a noun, or by a word beside a profession.
STATED = {
    "train": (
        ("queen", "king"), ("mother", "father"), ("woman", "man"), ("girl", "boy"), ("sister", "brother"),
        ("wife", "husband"), ("lady", "gentleman"), ("female worker", "male worker"),
    ),
    "test": (
        ("princess", "prince"), ("daughter", "son"), ("aunt", "uncle"), ("actress", "actor"),
        ("grandmother", "grandfather"), ("niece", "nephew"), ("waitress", "waiter"),
        ("female student", "male student"),
    ),
}  # fmt: skip


class StatedGender(TaskSettings):
    """Pairs in which a word states the gender."""

    drawn: ClassVar[bool] = False
    kind: Literal["stated_gender"]
    train: Positive = Field(100, description="most pairs to choose edits on")
    test: Positive = Field(100, description="most pairs to judge edits by")


def make(settings: StatedGender, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    return stated_gender_pairs(split, settings.count(split), sources.tokenizer)


def stated_gender_pairs(split: str, count: int, tokenizer: Tokenizer) -> list[Pair]:
    """Return at most `count` pairs in which a word states the gender: women clean, men patch, of as many tokens."""
    found = [
        (template.format(woman), template.format(man), {"template": template, "word": woman, "patch_word": man})
        for template, (woman, man) in product(TEMPLATES[split], STATED[split])
        if token_count(woman, tokenizer) == token_count(man, tokenizer)
    ]
    return numbered_pairs("stated", split, found, count)
