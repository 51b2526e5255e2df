"""A recorded study as an RO-Crate (Process Run Crate 0.5): its results, and who made what from what, as linked data."""

from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import md5, read_json
from sparse_circuits.versions.record import record_path
from sparse_circuits.versions.trace import place

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
LARGEST = 30_000_000  # bytes of a file that the crate carries; larger ones are described, with their hash


def write_crate(study: str, folder: Path) -> None:
    """Write the crate of a recorded study to a new folder.

    Raises StudyError when the study was not recorded, the folder exists, or a file is not as it was recorded.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    path = record_path(study)
    if not path.exists():
        raise StudyError(f"{path}: no such file; `snakemake snapshot` records a finished study")
    if folder.exists():
        raise StudyError(f"{folder}: is there already")
    record = read_json(path)
    crate = ROCrate(gen_preview=False, version="1.1")  # what the profile builds on
    crate.name = f"Sparse Circuits: study {study}"
    crate.description = f"Circuits of the model {record['settings']['model']}, with all that they were made from."
    crate.license = "https://spdx.org/licenses/MIT"

    def context(identifier: str, kind: str, **properties: Any) -> Any:
        return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))

    profile = context(PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    crate.root_dataset["conformsTo"] = [profile]
    crate.add_file(path, str(path), properties={"name": "the record", "encodingFormat": "application/json"})

    entities: dict[str, Any] = {}

    def entity(name: str, digest: str) -> Any:
        if name not in entities:
            entities[name] = _file(crate, context, name, digest)
        return entities[name]

    programs: dict[str, Any] = {}
    for name, job in record["jobs"].items():
        script = next((word for word in job["command"].split() if word.endswith(".py")), "Snakefile")
        if script not in programs:
            programs[script] = context(f"#{script}", "SoftwareApplication", name=script, version=_commit(record))
        for source in job.get("entry", {}).get("sources", []):
            _source(context, source, job["entry"]["licence"], entities)
        action = context(
            f"#{name}",
            "CreateAction",
            name=name,
            description=f"{job['command']}{_circumstances(job)}",
            actionStatus={"@id": "http://schema.org/CompletedActionStatus"},
        )
        action["instrument"] = programs[script]
        sources = [entities[_source_id(source)] for source in job.get("entry", {}).get("sources", [])]
        action["object"] = [entity(p, digest) for p, digest in job["inputs"].items()] + sources
        action["result"] = [entity(p, digest) for p, digest in job["outputs"].items()]
        crate.root_dataset.append_to("mentions", action)
    crate.write(folder)


def _file(crate: Any, context: Any, name: str, digest: str) -> Any:
    """A file that the crate carries, or what is said of one that is too large or not here."""
    path = Path(name)
    if path.exists() and md5(path) != digest:
        raise StudyError(f"{name}: differs from the record; `snakemake snapshot` records it")
    properties = {"name": name, "identifier": f"md5:{digest}"}
    if path.exists() and path.stat().st_size <= LARGEST:
        return crate.add_file(path, name, properties=properties)
    return context(f"#{name}", "CreativeWork", **properties)


def _source_id(source: dict[str, Any]) -> str:
    return f"#{source['kind']}/{place(source)[0]}"


def _source(context: Any, source: dict[str, Any], licence: str, entities: dict[str, Any]) -> None:
    key = _source_id(source)
    if key not in entities:
        entities[key] = context(key, "CreativeWork", name=key[1:], version=place(source)[1], license=licence)


def _commit(record: dict[str, Any]) -> str:
    return record["code"]["commit"] if record["code"] else "unknown"


def _circumstances(job: dict[str, Any]) -> str:
    where = f" on {job['ran_on']['cpu']}" if job.get("ran_on") else ""
    return f" ({job['seconds']:.0f} s{where})" if job.get("seconds") is not None else ""
