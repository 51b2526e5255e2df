from typing import ClassVar, Literal

from pydantic import Field

from sparse_circuits.tasks.kind import SPLITS, Sources, Split, TaskSettings
from sparse_circuits.tasks.pair import Pair, read_pairs


class FilePairs(TaskSettings):
    """Pairs that the user brings, as JSON lines (fields as in docs/reference/tasks.md)."""

    drawn: ClassVar[bool] = False
    kind: Literal["file"]
    train: str = Field(description="path of the training pairs")
    test: str = Field(description="path of the test pairs")


def make(settings: FilePairs, split: Split, sources: Sources) -> list[Pair]:
    """Return the pairs of a split."""
    return read_pairs(sources.files[SPLITS.index(split)])
