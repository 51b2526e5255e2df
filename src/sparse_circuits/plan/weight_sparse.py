"""What each rule of a study of weight-sparse transformers tells its step."""

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
from sparse_circuits.plan.weight_paths import WeightSparsePaths
from sparse_circuits.studies.weight_sparse import WeightSparseStudy


def _task(study: WeightSparseStudy, of: Wildcards) -> dict[str, Any]:
    return {"kind": "code", "task": of["task"], "train": study.train_pairs, "test": study.test_pairs}


def _kind(study: WeightSparseStudy, of: Wildcards) -> str:
    return weight_figures_of(WeightSparsePaths(study))[of["figure"]].kind


TOLD = {
    "fetch_corpus": FETCH_CORPUS,
    "plot_figure": Told(PlotFigure, others={"kind": Computed(_kind)}),
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
