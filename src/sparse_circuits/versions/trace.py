"""The ancestry of an artefact: every job it came from, its command, inputs, time, machine and sources' licences."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import md5, read_json


def trace(path: Path, records: Path = Path("provenance")) -> dict[str, Any]:
    """Return the jobs that `path` came from, sources first, and the settings of the study that recorded it.

    Raises StudyError when no record knows the file.
    """
    wanted = path.as_posix()
    for file in sorted(records.glob("*.json")):
        record = read_json(file)
        makers = {output: name for name, job in record["jobs"].items() for output in job["outputs"]}
        if wanted in makers:
            names = list(dict.fromkeys(_ancestry(makers[wanted], record["jobs"], makers)))
            return {
                "path": wanted,
                "state": _state(path, record["jobs"][makers[wanted]]["outputs"][wanted]),
                "study": record["study"],
                "code": record["code"],
                "settings": record["settings"],
                "jobs": {name: record["jobs"][name] for name in names},
            }
    raise StudyError(f"{path}: no record in {records}/ knows it; `snakemake snapshot` records a finished study")


def _ancestry(name: str, jobs: dict[str, Any], makers: dict[str, str]) -> Iterator[str]:
    """Yield the names of the jobs that one needed, directly or not, each after those it needed, and its own."""
    for maker in sorted({makers[path] for path in jobs[name]["inputs"] if path in makers}):
        yield from _ancestry(maker, jobs, makers)
    yield name


def _state(path: Path, recorded: str) -> str:
    if not path.exists():
        return "not here"
    return "as recorded" if md5(path) == recorded else "differs from the record"


def format_trace(found: dict[str, Any]) -> str:
    """Return a trace as text; a machine is described where it first appears, and by its number after that."""
    code = found["code"]
    commit = f"{code['commit'][:12]}{' with changes' if code['changed'] else ''}" if code else "unknown"
    lines = [f"{found['path']}: {found['state']}", f"study {found['study']}, recorded with code {commit}"]
    machines: list[dict[str, Any]] = []
    for number, (name, job) in enumerate(found["jobs"].items(), 1):
        lines += ["", f"{number}. {name}"]
        if job.get("ran_on"):
            new = job["ran_on"] not in machines
            machines += [job["ran_on"]] if new else []
            which = machines.index(job["ran_on"]) + 1
            what = f" ({_machine(job['ran_on'])})" if new else ""
            lines.append(f"   {job['seconds']:.0f} s on machine {which}{what}")
        lines.append(f"   $ {job['command']}")
        if entry := job.get("entry"):
            lines.append(f"   licence {entry['licence']}")
            lines += [f"   source  {_source(source)}" for source in entry["sources"]]
        for kind, word in (("inputs", "in"), ("outputs", "out")):
            lines += [f"   {word:<4}{digest}  {path}" for path, digest in job[kind].items()]
    return "\n".join(lines)


def _machine(ran_on: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in ran_on["packages"].items())
    return "; ".join(
        [*ran_on["gpus"], f"{ran_on['cpu']}, {ran_on['cores']} cores", f"Python {ran_on['python']}", versions]
    )


def _source(source: dict[str, Any]) -> str:
    return " ".join(part for part in (source["kind"], *place(source), source.get("sha256", "")) if part)


def place(source: dict[str, Any]) -> tuple[str, str]:
    """Return where a source's files are, and which version of them."""
    where = next(source[key] for key in ("package", "repo", "url", "folder") if source.get(key))
    return where, source.get("version") or source.get("revision") or ""
