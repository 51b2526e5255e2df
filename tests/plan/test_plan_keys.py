"""A key of a study that is changed changes jobs, and DVC names the same ones as Snakemake."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparse_circuits.base.errors import StudyError
from sparse_circuits.plan.of_study import plan_of
from sparse_circuits.plan.pages import artefacts_of, shown_by
from sparse_circuits.plan.paths import Paths
from sparse_circuits.studies.load import load_study
from sparse_circuits.versions.graph import Job, JobGraph, read_graph
from sparse_circuits.versions.stages import stage_params
from worlds.checkout import ROOT

# Names: of the study itself, of entries of catalogues and of files. Changed, they make another study.
NAMES = ("study", "model", "corpus", "models_file", "datasets_file", "claims", "kind")
# Whether shards are pushed changes no job.
OF_DVC = ("activations.share",)


def leaves(data: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield from leaves(value, f"{key}.{name}".lstrip("."))
    else:
        yield key, data


def others(value: Any) -> list[Any]:
    """Values like this one, of which some may be valid in its place."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value * 2, value + 1, value - 1, max(1, value // 2)]
    if isinstance(value, float):
        return [value * 0.9, value * 1.1]
    if isinstance(value, list):
        return [value[:-1], [*value[:-1], *(others(value[-1])[:1] if value else [])]]
    return [f"{value}x"] if isinstance(value, str) else []


def changed(settings: dict[str, Any], key: str) -> Iterator[Any]:
    """The study with other valid values at a key."""
    *path, last = key.split(".")
    for value in others(dict(leaves(settings))[key]):
        copied = copy.deepcopy(settings)
        place = copied
        for part in path:
            place = place[part]
        place[last] = value
        try:
            yield load_study(copied)
        except StudyError:
            continue


def flags(study: Any, job: Job) -> list[str] | None:
    """What a job's step is told; None where the job is no longer there."""
    try:
        return plan_of(study).told[job.rule].read(study, job.wildcards).flags()
    except (AssertionError, AttributeError, IndexError, KeyError, ValueError):
        return None


def files(study: Any) -> str:
    """What the study has files of, whatever is in them."""
    plan = plan_of(study)
    if not isinstance(plan.paths, Paths):
        return repr((plan.paths, plan.figures)).replace(repr(study), "") + repr((study.tasks, study.bridges is None))
    return repr((plan.figures, shown_by(plan.paths), artefacts_of(plan.paths), plan.paths.proofs))


@pytest.fixture(scope="module", params=["studies/language", "studies/vision", "test/code"])
def graph(request: pytest.FixtureRequest) -> JobGraph:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return read_graph(Path(f"config/{request.param}.yaml"))


def test_dvc_names_the_jobs_that_a_changed_key_changes(graph: JobGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever value a key takes, what it changes is named; what is named is changed by some value."""
    monkeypatch.chdir(ROOT)
    told = plan_of(graph.study).told
    there = {job.rule for job in graph.jobs}
    # Rules that are no part of `all` have one job each.
    asked = [replace(graph.jobs[0], name=rule, rule=rule, wildcards={}) for rule in told if rule not in there]
    jobs = [job for job in (*graph.jobs, *asked) if job.rule in told]
    before = {job.name: flags(graph.study, job) for job in jobs}
    jobs = [job for job in jobs if before[job.name] is not None]
    named = {job.name: stage_params(job, graph).get(str(graph.path), []) for job in jobs}
    wrong = {}
    for key, _ in leaves(graph.settings):
        if key in (*NAMES, *OF_DVC) or not (studies := list(changed(graph.settings, key))):
            continue
        of_dvc = {job.name for job in jobs if any(f"{key}.".startswith(f"{one}.") for one in named[job.name])}
        after = [{job.name: flags(study, job) for job in jobs} for study in studies]
        gone = {name for one in after for name, words in one.items() if words is None}
        moved = {name for one in after for name in one if one[name] != before[name]} - gone
        rules = {job.rule for job in jobs if job.name in moved | gone}
        unmoved = {job.name for job in jobs if job.name in of_dvc and job.rule not in rules}
        elsewhere = any(files(study) != files(graph.study) for study in studies)
        if moved - of_dvc or unmoved or not (moved or elsewhere):
            wrong[key] = {"not named": sorted(moved - of_dvc), "named for nothing": sorted(unmoved)}
    assert not wrong


def test_what_a_job_is_told_stands_in_its_command(graph: JobGraph) -> None:
    told = plan_of(graph.study).told
    for job in graph.jobs:
        if job.rule in told and job.rule != "plan_cache":  # whether the disk is looked at is the machine's
            words = " ".join(told[job.rule].read(graph.study, job.wildcards).flags()[:1])
            assert words in job.command
