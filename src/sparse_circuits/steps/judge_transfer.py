from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.transfer import TransferEvaluation
from sparse_circuits.base.compute import Compute
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.transfer import judge_transfer
from sparse_circuits.config.judge_transfer import JudgeTransfer


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    scores: list[Path]  # node scores of each task, whose folder has its name
    fit: Path  # node scores and means of other natural sentences
    transfer: Path  # JSON file to write


def step(files: Files, settings: JudgeTransfer, compute: Compute) -> None:
    """Judge on natural sentences the nodes that were found on templates: are they necessary there, and sufficient?"""
    bench = files.bench(settings.sites, compute.start(), batch_tokens=settings.batch_tokens)
    tasks, fit = [load_scores(path) for path in files.scores], load_scores(files.fit)
    TransferEvaluation(
        study=settings.study,
        model=bench.model.name,
        tasks=[path.parents[1].name for path in files.scores],
        metric="logit_difference",
        judged=judge_transfer(bench, tasks, fit, settings),
    ).write(files.transfer)
