"""Recording a finished study: hashes in dvc.lock, and beside them how each artefact was made.

The record of a study, provenance/<study>.json, goes into git with dvc.lock. No rule reads it: it holds what is volatile
(times, machines) and must therefore stay out of the artefacts themselves.
"""

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, write_json
from sparse_circuits.machine import RAN_ON
from sparse_circuits.versions.graph import Graph, Job
from sparse_circuits.versions.stages import stages_folder, write_dvc_yaml
from sparse_circuits.wording import count


def record_path(study: str) -> Path:
    """Return where the record of a study stands."""
    return Path("provenance") / f"{study}.json"


def record(graph: Graph) -> None:
    """Write the study's dvc.yaml, the hashes of its artefacts to dvc.lock, and the study's record.

    Raises StudyError when an artefact is missing that is not one of the shards, which are shared or not as the study
    says, and may be left out of a clone.
    """
    missing = [path for job in graph.jobs for path in job.outputs if not Path(path).exists()]
    if lost := [path for path in missing if not Path(path).name.startswith("shard-")]:
        raise StudyError(f"{lost[0]}: no such file; `snakemake snapshot` makes it ({count(len(lost), 'file')} missing)")
    dvc_yaml = stages_folder(graph.study.study, graph.is_default) / "dvc.yaml"
    write_dvc_yaml(graph, dvc_yaml)
    hashes = _commit(dvc_yaml)
    before = read_json(record_path(graph.study.study)) if record_path(graph.study.study).exists() else {}
    write_json(
        record_path(graph.study.study),
        {
            "study": graph.study.study,
            "settings": graph.study.model_dump(mode="json"),
            "code": _code(),
            "jobs": {job.name: _made(job, hashes, before.get("jobs", {}).get(job.name)) for job in graph.jobs},
        },
    )


def _commit(dvc_yaml: Path) -> dict[str, str]:
    """Have DVC hash and keep the artefacts; return path -> md5 of every input and output it knows."""
    from dvc.repo import Repo

    with Repo(_wait_for_lock=True) as repo:
        # Relinking would give files new times, and Snakemake goes by those for what is too large to hash.
        stages = [
            stage
            for target in sorted({"dvc.yaml", str(dvc_yaml)})
            for stage in repo.commit(target=target, force=True, allow_missing=True, relink=False)
        ]
        files = [file for stage in stages for file in (*stage.deps, *stage.outs) if file.hash_info]
        return {
            str(Path(file.fs_path).relative_to(repo.root_dir)): file.hash_info.value
            for file in files
            if file.hash_info.name == "md5"
        }


def _made(job: Job, hashes: dict[str, str], before: dict[str, Any] | None) -> dict[str, Any]:
    """How one job's outputs were made; what a clone has no logs of stays as it was recorded."""
    outputs = {path: hashes[path] for path in job.outputs if path in hashes}
    made: dict[str, Any] = {
        "rule": job.rule,
        "command": job.command,
        "inputs": {path: hashes[path] for path in job.inputs if path in hashes},
        "outputs": outputs,
    }
    if job.entry:
        made["entry"] = json.loads(job.entry)
    if job.benchmark.exists():
        made |= {"seconds": _seconds(job.benchmark), "ran_on": _ran_on(job.log)}
    elif before and before["outputs"] == outputs:
        made |= {key: before.get(key) for key in ("seconds", "ran_on")}
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
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return None
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!provenance"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {"commit": head.stdout.strip(), "changed": bool(changed.stdout.strip())}
