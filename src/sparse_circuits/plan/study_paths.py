"""Where files lie that studies of every kind have."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy

SPLITS = ("train", "test")


def files(folder: str, names: Iterable[str]) -> list[str]:
    """Return the paths of files of a folder."""
    return [f"{folder}/{name}" for name in names]


def alternatives(**names: Iterable[str]) -> dict[str, str]:
    """Return what each wildcard may be, as a regular expression; no rule has one that may be nothing."""
    return {wildcard: "|".join(map(re.escape, found)) for wildcard, found in names.items() if found}


@dataclass(frozen=True)
class StudyPaths(ABC):
    """The files of one study; each kind adds its own, and says which models are trained here and pruned."""

    study: Study | WeightSparseStudy

    @property
    def corpus(self) -> str:
        """The file of documents or images."""
        name = "images.h5" if self.study.corpus_entry.pictures else "documents.jsonl"
        return f"results/corpora/{self.study.corpus}/{name}"

    @staticmethod
    def split(task: str, split: str) -> str:
        """Return a file of pairs."""
        return f"results/tasks/{task}/{split}.jsonl"

    @classmethod
    def pairs(cls, tasks: Iterable[str], splits: Iterable[str] = SPLITS) -> list[str]:
        """Return the files of pairs of tasks."""
        return [cls.split(task, split) for task in tasks for split in splits]

    @property
    def circuits(self) -> str:
        """The folder of the study's circuits."""
        return f"results/circuits/{self.study.study}"

    def circuit(self, task: str, of: str) -> str:
        """Return the folder of a task's circuit: of a basis, or of a model."""
        return f"{self.circuits}/{task}/{of}"

    @property
    def figures(self) -> str:
        """The folder of the study's figures."""
        return f"results/figures/{self.study.study}"

    @property
    def report(self) -> str:
        """The folder of the study's pages."""
        return f"results/report/{self.study.study}"

    @property
    def frontier(self) -> str:
        """Losses beside the sizes of the smallest circuits."""
        return f"{self.circuits}/frontier.json"

    # Models that are trained here, and their smallest circuits

    @abstractmethod
    def transformer(self, model: str) -> str:
        """Return the folder of a model that is trained here."""

    @property
    @abstractmethod
    def pruned_tasks(self) -> list[str]:
        """The tasks whose smallest circuits are found."""

    def losses(self, models: Iterable[str]) -> list[str]:
        """Return the files that say how good each of these models is."""
        return [f"{self.transformer(model)}/losses.json" for model in models]

    def of_pruned(self, name: str, models: Iterable[str]) -> list[str]:
        """Return the files called `name` of the smallest circuits of these models."""
        return [f"{self.circuit(task, model)}/{name}" for model in models for task in self.pruned_tasks]
