"""The workflow's graph as DVC stages: one a job, with the same inputs and outputs, and the settings it depends on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sparse_circuits.base.files import publishing
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.plan.of_study import plan_of
from sparse_circuits.studies.study import Study
from sparse_circuits.versions.graph import Job, JobGraph

HEADER = """\
# Written by scripts/write_dvc_yaml.py from the workflow's graph (`make dvc.yaml`); a test checks that the two agree.
# Snakemake runs the work; DVC records what came out. `persist` keeps outputs in place when DVC runs a stage itself.
"""


def stages_folder(study: str, is_default: bool) -> Path:
    """Return the folder of a study's dvc.yaml and dvc.lock: the top for the default study, else one of its own."""
    return Path() if is_default else Path("dvc") / study


def write_dvc_yaml(graph: JobGraph, path: Path) -> None:
    """Publish the stages, metrics, plots and artifacts of a study.

    Studies share models, caches and autoencoders: stages whose outputs another dvc.yaml has already are left to it,
    since DVC allows each file one stage.
    """
    folder = stages_folder(graph.study.study, graph.is_default)
    others = {Path("dvc.yaml"), *Path("dvc").glob("*/dvc.yaml")} - {folder / "dvc.yaml"}
    taken = {output for other in others for output in _outputs(other)}
    top = Path(*[".."] * len(folder.parts))
    jobs = [job for job in graph.jobs if not taken.issuperset(job.outputs)]
    data = {
        "stages": {job.name: _stage(job, graph, top) for job in sorted(jobs, key=lambda job: job.name)},
        "metrics": [str(top / path) for path in _measured(jobs)],
        "plots": _plots(graph, jobs, top),
        "artifacts": dict(_artifacts(jobs, top)),
    }
    with publishing(path) as temporary:
        temporary.write_text(HEADER + yaml.safe_dump(data, sort_keys=False, width=1000), encoding="utf-8")


def _outputs(path: Path) -> set[str]:
    stages = read_yaml(path)["stages"] if path.exists() else {}
    return {output for stage in stages.values() for out in stage["outs"] for output in out}


def _stage(job: Job, graph: JobGraph, top: Path) -> dict[str, Any]:
    configfile = "" if graph.is_default else f" --configfile {graph.path}"
    stage: dict[str, Any] = {
        "cmd": f"snakemake --cores all{configfile} -- {job.outputs[0]}",
        "deps": sorted({*job.inputs, *_steps(job)}),
        "outs": [{path: {"persist": True} | _transport(job, graph)} for path in job.outputs],
    }
    if not graph.is_default:
        stage = {"wdir": str(top), **stage}
    if params := stage_params(job, graph):
        stage["params"] = [{file: keys} for file, keys in params.items()]
    return stage


def _steps(job: Job) -> Iterator[str]:
    """The modules of the steps that a job's programs are the command lines of."""
    for script in (Path(path) for path in job.inputs if Path(path).parent.name == "scripts"):
        step = script.parents[1] / "src/sparse_circuits/steps" / script.name
        if step.is_file():
            yield str(step)


def _transport(job: Job, graph: JobGraph) -> dict[str, bool]:
    study = graph.study
    left_out = job.rule == "cache_activations" and isinstance(study, Study) and not study.activations.share
    return {"cache": False} if left_out else {}


def stage_params(job: Job, graph: JobGraph) -> dict[str, list[str]]:
    """Return the keys that a job is told of, by file; what the file leaves to its default is left out."""
    told = plan_of(graph.study).told
    catalogues = {"models": getattr(graph.study, "models_file", ""), "datasets": graph.study.datasets_file}
    found: dict[str, dict[str, None]] = {}
    for key in told[job.rule].keys(graph.study, job.wildcards) if job.rule in told else ():
        catalogue, _, entry = key.rpartition(":")
        if catalogue or _has(graph.settings, entry):
            found.setdefault(catalogues.get(catalogue, str(graph.path)), {})[entry] = None
    return {file: list(keys) for file, keys in found.items()}


def _has(data: Any, key: str) -> bool:
    """Whether a study's file has a key. One with a dot in a name is left out: DVC could not find it."""
    for part in key.split("."):
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _measured(jobs: list[Job]) -> list[str]:
    """The files of numbers that `dvc metrics` shows and compares."""
    names = ("evaluation.json", "probing.json", "stability.json", "summary.json")
    return sorted(path for job in jobs for path in job.outputs if Path(path).name in names)


def _plots(graph: JobGraph, jobs: list[Job], top: Path) -> list[dict[str, Any]]:
    """The curves that `dvc plots` draws: faithfulness of every circuit, training of every autoencoder."""

    def curves(rule: str, name: str, column: str) -> dict[str, str]:
        paths = sorted(path for job in jobs if job.rule == rule for path in job.outputs if Path(path).name == name)
        return {str(top / path): column for path in paths}

    drawn = {
        f"faithfulness-{graph.study.study}": ("nodes", curves("evaluate_circuit", "curves.csv", "faithfulness")),
        f"training-{graph.study.study}": ("tokens", curves("train_sae", "training.csv", "fvu")),
    }
    return [{name: {"x": x, "y": y}} for name, (x, y) in drawn.items() if y]


def _artifacts(jobs: list[Job], top: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """What other projects take from this one by name (`dvc artifacts get`): autoencoders, circuits, models."""
    kinds = {
        "train_sae": ("sae", "sparse autoencoder, SAELens layout"),
        "train_transcoder": ("sae", "transcoder, SAELens layout"),
        "train_crosscoder": ("sae", "crosscoder, SAELens layout of the sites side by side"),
        "train_cross_layer": ("sae", "cross-layer transcoder, circuit-tracer's tensors"),
        "fetch_sae": ("sae", "published sparse autoencoder, SAELens layout"),
        "find_circuit": ("circuit", "nodes and edges of a circuit"),
        "keep_edit": ("model", "model that keeps an edit, a Hugging Face folder"),
    }
    for job in sorted(jobs, key=lambda job: job.name):
        kind, description = kinds.get(job.rule, ("", ""))
        if kind == "circuit":
            paths = [Path(job.outputs[0])]
        else:
            paths = sorted({Path(output).parent for output in job.outputs}) if kind else []
        for path in paths:
            item = path.parts[3 : 4 if kind == "model" else 5]  # task and basis, site and autoencoder, or edit
            name = re.sub(r"[^a-z0-9]+", "-", "-".join(item).lower())
            yield f"{kind}-{name}", {"path": str(top / path), "type": kind, "desc": description}
