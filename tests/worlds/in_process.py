"""A study's steps run in this process, in the order of its graph: what Snakemake does, without a process for each job.

Importing torch takes longer than most jobs of a test study compute.
"""

import contextlib
import importlib
import re
import shlex
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from sparse_circuits.command import parse
from sparse_circuits.versions.graph import Job, JobGraph, read_graph
from worlds.checkout import ROOT, STUDY


def workspace(folder: Path) -> Path:
    """Make `folder` one in which studies can be changed and run: the repository's code, and settings of its own."""
    for name in ("Snakefile", "workflow", "profiles", "scripts", "src", "tests"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config/config.yaml").write_text(f"default_study: {STUDY}\n")
    return folder


def run_steps(folder: Path, study: str, *wanted: str) -> list[Job]:
    """Run the jobs of a study that make `wanted`, by default all, in a workspace; return them in order."""
    with contextlib.chdir(folder):
        graph = read_graph(Path(study))
        jobs = list(_needed(graph, wanted)) if wanted else list(graph.jobs)
        for job in jobs:
            _run(job)
    return jobs


def _needed(graph: JobGraph, wanted: Collection[str]) -> Iterator[Job]:
    paths = set(wanted)
    assert paths <= {path for job in graph.jobs for path in job.outputs}
    chosen = []
    for job in reversed(graph.jobs):
        if paths & set(job.outputs):
            chosen.append(job)
            paths |= set(job.inputs)
    return reversed(chosen)


def _run(job: Job) -> None:
    python, script, *words = shlex.split(re.sub(r" (2> \S+|> \S+ 2>&1)$", "", job.command))
    assert python == "python"
    step = importlib.import_module(f"sparse_circuits.steps.{Path(script).stem}").step
    for path in (*job.outputs, job.log):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        step(**parse(step, words))
    assert all(Path(path).exists() for path in job.outputs), job.name
