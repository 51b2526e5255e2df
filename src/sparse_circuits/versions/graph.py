"""The jobs of the workflow, read off Snakemake's graph."""

import contextlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.studies.load import load_study
from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy

DEFAULT_CONFIG = Path("config/config.yaml")


@dataclass(frozen=True)
class Job:
    """One job of a study: a rule applied to an item."""

    name: str  # the name of its DVC stage, such as evaluate_sae-resid_post-14-topk
    rule: str
    wildcards: dict[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    command: str
    entry: str | None  # what a rule that fetches is told of its sources, JSON
    log: Path
    benchmark: Path


@dataclass(frozen=True)
class JobGraph:
    """A study, the file that describes it, and its jobs, each before those that need it."""

    study: Study | WeightSparseStudy
    settings: dict[str, Any]  # the study as its file has it, without defaults
    path: Path
    is_default: bool
    jobs: tuple[Job, ...]


def read_graph(study: Path | None = None) -> JobGraph:
    """Return the graph of all jobs of the study at `study`, by default of the one that config/config.yaml names.

    Snakemake is asked, nothing is run. Raises StudyError when the study's file is missing or wrong.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    default = Path(read_yaml(DEFAULT_CONFIG)["default_study"])
    path = study or default
    configfiles: Sequence[Path] = [] if path == default else [path]
    settings = read_yaml(path)
    described = load_study(settings)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=configfiles),
            snakefile=Path("Snakefile"),
        )
        dag = workflow.dag(dag_settings=DAGSettings(targets={"all"}))
        # The graph is built when something is asked of it, and can then be read only off the workflow itself.
        with contextlib.redirect_stdout(io.StringIO()):
            dag.printd3dag()
        jobs = tuple(_read(job) for job in _in_order(workflow._workflow.dag) if job.output)
    return JobGraph(described, settings, path, path == default, jobs)


def _in_order(dag: Any) -> Iterator[Any]:
    for level in dag.toposorted():
        yield from sorted(level, key=lambda job: (job.rule.name, str(job.log)))


def _read(job: Any) -> Job:
    log, words = Path(str(job.log[0])), getattr(job.params, "settings", ())
    # One job, one log file: it names the item. DVC allows letters, digits, - and _ in names.
    item = re.sub(r"[^A-Za-z0-9_]+", "-", log.stem)
    return Job(
        name=f"{job.rule.name}-{item}",
        rule=job.rule.name,
        wildcards=dict(job.wildcards_dict),
        inputs=tuple(sorted(set(map(str, job.input)))),
        outputs=tuple(sorted(map(str, job.output))),
        command=job.shellcmd,
        entry=_sources(words[words.index("--entry") + 1]) if "--entry" in words else None,
        log=log,
        benchmark=Path(str(job.benchmark)),
    )


def _sources(entry: str) -> str | None:
    """An entry of a catalogue; None for one that says how a model is trained."""
    return entry if "sources" in json.loads(entry) else None
