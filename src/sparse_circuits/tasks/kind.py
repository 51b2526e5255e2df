"""What all kinds of tasks share: a file each, with the settings that a study gives and `make`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Literal, get_type_hints

from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.base import Settings
from sparse_circuits.config.cue import Cue
from sparse_circuits.tasks.pair import Pair

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")


@dataclass(frozen=True)
class Sources:
    """What pairs are made with: the model's tokenizer, the study's seed, files, and a cue that the model learnt."""

    tokenizer: Tokenizer
    seed: int
    files: Sequence[Path] = ()
    cue: Cue | None = None


def load_kind(name: str) -> tuple[type["TaskSettings"], Callable[["TaskSettings", Split, Sources], list[Pair]]]:
    """Return the settings and `make` of a kind of task, whose module has its name.

    By name, so that no other kind's code is part of what makes a task.
    """
    make = import_module(f"sparse_circuits.tasks.{name}").make
    return get_type_hints(make)["settings"], make


class TaskSettings(Settings):
    """What a study says of a task; `drawn` says whether its pairs are drawn by the seed."""

    drawn: ClassVar[bool] = True

    def count(self, split: Split) -> int:
        """Return how many pairs a split has."""
        return getattr(self, split)
