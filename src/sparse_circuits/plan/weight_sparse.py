"""Where the files of a study of weight-sparse transformers lie, and what each of its rules tells its step."""

from dataclasses import dataclass
from typing import Any

from sparse_circuits.config.compare_frontier import CompareFrontier
from sparse_circuits.config.explain_circuit import ExplainCircuit
from sparse_circuits.config.make_task import MakeTask
from sparse_circuits.config.plot_figure import PlotFigure
from sparse_circuits.config.prune_task import PruneTask
from sparse_circuits.config.tokenize_corpus import TokenizeCorpus
from sparse_circuits.config.train_bridges import TrainBridges
from sparse_circuits.config.train_tokenizer import TrainTokenizer
from sparse_circuits.config.train_transformer import TrainTransformer
from sparse_circuits.config.write_report import WriteWeightReport
from sparse_circuits.plan.figures import weight_figures_of
from sparse_circuits.plan.settings import Computed, Told, Wildcards
from sparse_circuits.plan.study import FETCH_CORPUS, LICENCE
from sparse_circuits.plan.study_paths import StudyPaths, either
from sparse_circuits.studies.weight_sparse import WeightSparseStudy


@dataclass(frozen=True)
class WeightSparsePaths(StudyPaths):
    """The files of one study, as far as they follow from its settings."""

    study: WeightSparseStudy

    @property
    def wildcards(self) -> dict[str, str]:
        """What each wildcard of the rules may be, as a regular expression."""
        return {"model": either(self.study.models), "task": either(self.study.tasks)}

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
    def carried(self) -> list[str]:
        """What is carried over bridges, where there are any."""
        return [f"{self.circuits}/carried.json"] if self.study.bridges else []


def _task(study: WeightSparseStudy, of: Wildcards) -> dict[str, Any]:
    return {"kind": "code", "task": of["task"], "train": study.train_pairs, "test": study.test_pairs}


TOLD = {
    "fetch_corpus": FETCH_CORPUS,
    "plot_figure": Told(
        PlotFigure, others={"kind": Computed(lambda study, of: weight_figures_of(study)[of["figure"]].kind)}
    ),
    "write_weight_report": Told(WriteWeightReport),
    "make_task": Told(MakeTask, others={"task": Computed(_task, ("train_pairs", "test_pairs"))}),
    "train_tokenizer": Told(TrainTokenizer),
    "cut_sequences": Told(
        TokenizeCorpus,
        others={
            "train": Computed(lambda study, of: study.train_tokens // study.context, ("context", "train_tokens")),
            "held_out": Computed(
                lambda study, of: study.held_out_tokens // study.context, ("context", "held_out_tokens")
            ),
        },
    ),
    "train_transformer": Told(
        TrainTransformer,
        others={
            "entry": Computed(lambda study, of: study.models[of["model"]], ("models.common", "models.{model}")),
            "licence": LICENCE,
        },
    ),
    "prune_task": Told(PruneTask, ("", "pruning")),
    "explain_circuit": Told(ExplainCircuit, ("", "pruning")),
    "compare_frontier": Told(CompareFrontier, ("frontier",)),
    "train_bridges": Told(TrainBridges, ("", "bridges")),
}
