"""Which pronoun follows a profession: a female-stereotyped one clean, a male-stereotyped one patch."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from sparse_circuits.base.files import read_json
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Name, Positive
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.professions import profession_pairs, stereotyped


class Pronouns(TaskSettings):
    """Pairs of a female- and a male-stereotyped profession."""

    drawn: ClassVar[bool] = False
    kind: Literal["pronouns"]
    professions: Name = Field(description="entry of config/datasets.yaml with professions")
    each: Positive = Field(24, description="most stereotyped professions of either side, half of them for each split")
    train: Positive = Field(100, description="most pairs to choose edits on")
    test: Positive = Field(100, description="most pairs to judge edits by")


def make(settings: Pronouns, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    (file,) = sources.files
    return pronoun_pairs(read_json(file), split, settings.each, settings.count(split), sources.tokenizer)


def pronoun_pairs(
    professions: Sequence[dict[str, Any]], split: str, each: int, count: int, tokenizer: Tokenizer
) -> list[Pair]:
    """Return at most `count` pairs: a female-stereotyped profession clean, a male-stereotyped one patch.

    The `each` most stereotyped professions of either side are taken, every other one for each split. Both of a pair
    have as many tokens.
    """
    female, male = stereotyped(professions, split, each)
    return profession_pairs("pronouns", female, male, split, count, tokenizer)
