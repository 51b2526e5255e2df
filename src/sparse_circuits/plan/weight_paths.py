"""Where the files of a study of weight-sparse transformers lie."""

from dataclasses import dataclass

from sparse_circuits.plan.study_paths import StudyPaths, alternatives
from sparse_circuits.studies.weight_sparse import WeightSparseStudy


@dataclass(frozen=True)
class WeightSparsePaths(StudyPaths):
    """The files of one study, as far as they follow from its settings."""

    study: WeightSparseStudy

    @property
    def wildcards(self) -> dict[str, str]:
        """What each wildcard of the rules may be, as a regular expression."""
        return alternatives(model=self.study.models, task=self.study.tasks)

    @property
    def tokenizer(self) -> str:
        """The folder of the tokenizer that is trained here."""
        return f"results/tokenizers/{self.study.corpus}-{self.study.vocabulary}"

    @property
    def sequences(self) -> str:
        """The token sequences that models are trained on."""
        name = f"sequences-{self.study.vocabulary}-{self.study.context}.h5"
        return f"results/corpora/{self.study.corpus}/{name}"

    def transformer(self, model: str) -> str:
        """Return the folder of a model that is trained here."""
        return f"results/models/{self.study.study}-{model}"

    @property
    def sparse(self) -> list[str]:
        """The models whose smallest circuits are compared with those of dense ones, and explained."""
        return self.study.frontier.sparse

    @property
    def dense(self) -> list[str]:
        """The dense models that they are compared with."""
        return self.study.frontier.dense

    @property
    def pruned_tasks(self) -> list[str]:
        """The tasks whose smallest circuits are found."""
        return list(self.study.tasks)

    def task_kind(self, task: str) -> str:
        """Return the kind of a task: all are on code."""
        return "code"

    def task_files(self, task: str) -> list[str]:
        """Return the files that a task's pairs are made of: none."""
        return []

    @property
    def bridges(self) -> str:
        """The bridges between a dense and a sparse model."""
        return f"results/bridges/{self.study.study}/bridges.safetensors"

    @property
    def carried(self) -> list[str]:
        """What is carried over bridges, where there are any."""
        return [f"{self.circuits}/carried.json"] if self.study.bridges else []
