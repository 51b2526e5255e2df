"""Which pronoun follows an occupation with labour statistics: more women clean, fewer patch."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from sparse_circuits.base.files import read_json
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Name, Positive
from sparse_circuits.tasks.kind import Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.professions import profession_pairs, stereotyped


class Occupations(TaskSettings):
    """Pairs of occupations with labour statistics, one with more women and one with fewer."""

    drawn: ClassVar[bool] = False
    kind: Literal["occupations"]
    professions: Name = Field(description="entry of config/datasets.yaml with professions")
    each: Positive = Field(
        24, description="most stereotyped professions of either side, of which those that pairs train on are left out"
    )
    train: Positive = Field(100, description="most pairs to choose edits on")
    test: Positive = Field(100, description="most pairs to judge edits by")


def make(settings: Occupations, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    (file,) = sources.files
    return occupation_pairs(read_json(file), split, settings.each, settings.count(split), sources.tokenizer)


def occupation_pairs(
    professions: Sequence[dict[str, Any]], split: str, each: int, count: int, tokenizer: Tokenizer
) -> list[Pair]:
    """Return at most `count` pairs of occupations with labour statistics: more women clean, fewer patch.

    Every other occupation serves each split; none of `test` has a word of a profession that the pairs of pronouns train
    on, `each` of either side.
    """
    known = sorted((p for p in professions if p["female_share"] is not None), key=lambda p: p["female_share"])
    known = known[0 if split == "train" else 1 :: 2]
    if split == "test":
        taught = {word for side in stereotyped(professions, "train", each) for p in side for word in p["word"].split()}
        known = [p for p in known if not taught & set(p["word"].split())]
    half = len(known) // 2
    return profession_pairs("occupations", known[half:], known[:half], split, count, tokenizer)
