"""Recording a finished study: hashes in dvc.lock, and beside them how each artefact was made.

The record of a study, provenance/<study>.json, goes into git with dvc.lock. No rule reads it: it holds what is volatile
(times, machines) and must therefore stay out of the artefacts themselves.
"""

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.base.machine import RAN_ON
from sparse_circuits.base.wording import count
from sparse_circuits.versions.graph import Job, JobGraph
from sparse_circuits.versions.stages import stages_folder, write_dvc_yaml


def record_path(study: str) -> Path:
    """Return where the record of a study stands."""
    return Path("provenance") / f"{study}.json"


def record(graph: JobGraph) -> None:
    """Write the study's dvc.yaml, the hashes of its artefacts to dvc.lock, and the study's record.

    Raises StudyError when an artefact is missing that is not one of the shards, which are shared or not as the study
    says, and may be left out of a clone.
    """
    missing = [path for job in graph.jobs for path in job.outputs if not Path(path).exists()]
    if lost := [path for path in missing if not Path(path).name.startswith("shard-")]:
        raise StudyError(f"{lost[0]}: no such file; `snakemake snapshot` makes it ({count(len(lost), 'file')} missing)")
    write_dvc_yaml(graph, stages_folder(graph.study.study, graph.is_default) / "dvc.yaml")
    hashes = _commit({path for job in graph.jobs for path in job.outputs})
    path = record_path(graph.study.study)
    before = read_json(path) if path.exists() else {}
    found = {
        "study": graph.study.study,
        "settings": graph.study.model_dump(mode="json"),
        "code": before.get("code"),
        "jobs": {job.name: _made(job, hashes, before.get("jobs", {}).get(job.name)) for job in graph.jobs},
    }
    # Where nothing was made anew, the record stays as it is in git.
    write_json(path, found if found == before else {**found, "code": _code()})


def _commit(made: set[str]) -> dict[str, str]:
    """Have DVC hash and keep the artefacts, `made`; return path -> md5 of each, and of what they were made from.

    Some stand in another study's dvc.yaml, whose other stages are left alone: what they made need not be here.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    try:
        # Without git, which may not be here, and which DVC tells to ignore files: that fails where results/ is a link.
        with Repo(_wait_for_lock=True, config={"core": {"no_scm": True}}) as repo, lock_repo(repo):
            stages = [stage for stage in repo.index.stages if stage.outs and made.issuperset(map(_path, stage.outs))]
            for stage in stages:
                # DVC's cache of runs, which Snakemake has no use for, would want shards that are not here.
                stage.save(allow_missing=True, run_cache=False)
                # Relinking would give files new times, and Snakemake goes by those for what is too large to hash.
                stage.commit(allow_missing=True, relink=False)
            for path in {stage.path for stage in stages}:
                here = [stage for stage in stages if stage.path == path]
                here[0].dvcfile.dump_stages(here, update_pipeline=False)
    except DvcException as error:
        raise StudyError(f"DVC cannot record: {error}") from None
    files = [file for stage in stages for file in (*stage.deps, *stage.outs) if file.hash_info]
    return {_path(file): file.hash_info.value for file in files if file.hash_info.name == "md5"}


def _path(file: Any) -> str:
    """The path of a file of DVC's, as rules name it."""
    return os.path.relpath(file.fs_path)


def _made(job: Job, hashes: dict[str, str], before: dict[str, Any] | None) -> dict[str, Any]:
    """How one job's outputs were made, and when and where these bytes were first."""
    outputs = {path: hashes[path] for path in job.outputs if path in hashes}
    made: dict[str, Any] = {
        "rule": job.rule,
        "command": job.command,
        "inputs": {path: hashes[path] for path in job.inputs if path in hashes},
        "outputs": outputs,
    }
    if job.entry:
        made["entry"] = json.loads(job.entry)
    if before and before["outputs"] == outputs and "seconds" in before:
        made |= {key: before[key] for key in ("seconds", "ran_on")}
    elif job.benchmark.exists():
        made |= {"seconds": _seconds(job.benchmark), "ran_on": _ran_on(job.log)}
    return made


def _seconds(benchmark: Path) -> float:
    with benchmark.open(newline="", encoding="utf-8") as file:
        return float(list(csv.DictReader(file, delimiter="\t"))[-1]["s"])


def _ran_on(log: Path) -> dict[str, Any] | None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    found = [line.removeprefix(RAN_ON) for line in lines if line.startswith(RAN_ON)]
    return json.loads(found[-1]) if found else None


def _code() -> dict[str, Any] | None:
    """The commit that the working tree stands on, and whether tracked files differ from it; None outside of git."""
    if not (commit := _git("rev-parse", "HEAD")):
        return None
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!dvc", ":!provenance")
    return {"commit": commit, "changed": bool(changed)}


def _git(*words: str) -> str:
    """What git says; nothing where it fails or there is none."""
    program = shutil.which("git")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False) if program else None
    return done.stdout.strip() if done and not done.returncode else ""
