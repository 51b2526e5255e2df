"""What this machine has of what a study needs, what is wrong, and how to mend it: `sparse-circuits doctor`."""

import configparser
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from sparse_circuits.base.clone import check_library
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.fingerprint import SOURCE
from sparse_circuits.base.machine import cores, free_memory, gpu_names, version_of
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.plan.needs import cache_bytes, study_memory
from sparse_circuits.studies.load import load_study
from sparse_circuits.studies.study import Study

GIB = 1024**3
DISK, MEMORY = 7 * GIB, 8 * GIB  # of the default study (README)
REST = 5 * GIB  # of that disk, what is not activations
PYTHON = (3, 11)
# What DVC needs for a remote, by the beginning of its address.
PLUGINS = {"s3": "dvc-s3", "gs": "dvc-gs", "azure": "dvc-azure", "ssh": "dvc-ssh", "webdavs": "dvc-webdav"}

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found of one thing; `mend` is a command or an instruction, empty where nothing is to be done."""

    name: str
    state: State
    says: str
    mend: str = ""


def check_python(found: Sequence[int] = tuple(sys.version_info[:3])) -> Finding:
    """Python itself."""
    told = ".".join(map(str, found[:3]))
    if tuple(found[:2]) < PYTHON:
        return Finding("Python", "problem", f"{told}; 3.11 or newer is needed", "make reproduce PYTHON=python3.11")
    return Finding("Python", "ok", told)


def check_packages(names: Sequence[str] = ("torch", "transformers", "snakemake", "dvc", "h5py")) -> Finding:
    """The packages that every study needs."""
    missing = [name for name in names if version_of(name) is None]
    if missing:
        return Finding("packages", "problem", f"missing: {', '.join(missing)}", "rm -f .venv/.ready && make setup")
    return Finding("packages", "ok", ", ".join(f"{name} {version_of(name)}" for name in names))


def check_code(clone: Path = Path()) -> Finding:
    """That the programs of this folder, where it is a clone, run with its own library."""
    try:
        check_library(clone)
    except StudyError as error:
        return Finding("code", "problem", str(error))
    return Finding("code", "ok", str(SOURCE))


def check_git(folder: Path = Path()) -> Finding:
    """A git repository, which DVC needs for all but recording."""
    if any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents)):
        return Finding("git", "ok", "a repository")
    mend = "git init && git add . && git commit --message start"
    return Finding("git", "warning", "no git repository here; DVC checks, pulls and pushes only in one", mend)


def check_disk_space(folder: Path = Path(), wanted: int = DISK, study: str = "the default study") -> Finding:
    """Free space where results and DVC's cache go, which may be links to other disks; what is there counts as free."""
    places = [place if place.exists() else folder for place in (folder / "results", folder / ".dvc/cache")]
    free = min(shutil.disk_usage(place).free for place in places)
    says = f"{free / GIB:.1f} GiB free"
    if free < wanted and not (folder / "results/report").exists():
        mend = "free space, or link results/ and .dvc/cache to a larger disk"
        return Finding("disk", "problem", f"{says}; {study} takes {wanted / GIB:,.1f} GiB", mend)
    return Finding("disk", "ok", says)


def check_memory(free: int | None = None, wanted: int = MEMORY, study: str = "the default study") -> Finding:
    """Memory that jobs may still take, in bytes; a container's limit counts."""
    free = free_memory() if free is None else free
    says = f"{free / GIB:.1f} GiB free, {cores()} cores"
    if free < wanted:
        mend = f"end other programs, or run fewer jobs at once: snakemake --resources mem_mb={free // 1024**2}"
        return Finding("memory", "warning", f"{says}; {study} takes up to {wanted / GIB:,.1f} GiB", mend)
    return Finding("memory", "ok", says)


def check_gpu(
    names: Sequence[str] | None = None, torch_version: str | None = None, starts: Callable[[], str | None] | None = None
) -> Finding:
    """GPUs that the driver knows, whether torch is a build for them, and whether CUDA starts."""
    names = gpu_names() if names is None else names
    torch_version = torch_version or version_of("torch") or ""
    if not names:
        return Finding("GPU", "ok", "none; studies run on CPU cores")
    if "+cpu" in torch_version:
        mend = f"pip install --force-reinstall --no-deps torch=={torch_version.partition('+')[0]}"
        return Finding("GPU", "warning", f"{', '.join(names)}, but torch {torch_version} has no CUDA", mend)
    if why := (starts or _cuda_fails)():
        return Finding("GPU", "warning", f"{', '.join(names)}, but CUDA does not start: {why}", "nvidia-smi")
    return Finding("GPU", "ok", ", ".join(names))


def _cuda_fails() -> str | None:
    """What torch says when it is to compute on the GPU; None when it does."""
    code = "import torch; torch.ones(1, device='cuda').sum().item()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else None


def check_slurm() -> Finding:
    """SLURM, where there is one: that it answers, and that Snakemake can speak to it."""
    if shutil.which("sbatch") is None:
        return Finding("SLURM", "ok", "none here; needed only for profiles/slurm")
    try:
        done = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=False, timeout=20)
        answer = (done.stderr or done.stdout).strip().splitlines() if done.returncode else []
        silent = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        answer, silent = [str(error)], True
    if silent:
        says = f"sbatch is here, but the controller does not answer: {answer[0] if answer else 'no message'}"
        return Finding("SLURM", "warning", says, "scontrol ping; ask the cluster's administrators")
    if version_of("snakemake-executor-plugin-slurm") is None:
        return Finding("SLURM", "warning", "answers, but Snakemake's plugin for it is missing", "make extras")
    return Finding("SLURM", "ok", "answers")


def check_dvc_remote(repository: Path = Path()) -> Finding:
    """The DVC remote that `dvc push` and `make restore` use: that one is named, that it is there where it is a folder,
    and that DVC has what it needs to speak to it where it is elsewhere."""
    settings = configparser.ConfigParser(strict=False)
    settings.read([repository / ".dvc/config", repository / ".dvc/config.local"], encoding="utf-8")
    name = settings.get("core", "remote", fallback=None)
    if name is None:
        mend = "dvc remote add --default NAME URL (docs/how-to/sharing.md)"
        return Finding("DVC remote", "warning", "none; results stay on this machine", mend)
    section = next((part for part in settings.sections() if part.strip("'") == f'remote "{name}"'), None)
    url = settings.get(section, "url", fallback="") if section else ""
    if not url:
        return Finding("DVC remote", "problem", f"{name} has no url", f"dvc remote add --force {name} URL")
    plugin = PLUGINS.get(url.partition("://")[0])
    if plugin and version_of(plugin) is None:
        mend = "make extras" if plugin == "dvc-s3" else f"pip install {plugin}"
        return Finding("DVC remote", "problem", f"{name} is {url}, but {plugin} is missing", mend)
    if "://" not in url and not (place := repository / ".dvc" / url).is_dir():
        return Finding("DVC remote", "problem", f"{name}: no folder {place}", f"mkdir -p {place}")
    return Finding("DVC remote", "ok", f"{name}: {url}")


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_python,
    check_packages,
    check_code,
    check_git,
    check_disk_space,
    check_memory,
    check_gpu,
    check_slurm,
    check_dvc_remote,
)


def examine(configfile: Path | None = None) -> list[Finding]:
    """Return what was found of everything, for the default study or the one in a file.

    Raises StudyError when there is a mistake in that file, or its model's sizes are not known yet.
    """
    own = study_checks(configfile) if configfile else {}
    return [own.get(check, check)() for check in CHECKS]


def study_checks(configfile: Path) -> dict[Callable[[], Finding], Callable[[], Finding]]:
    """Return checks, in place of those for the default study, of whether the study in a file fits this machine.

    What is cached and what is loaded follow from its sites, tokens and model; models that are trained here are small.
    """
    study = load_study(read_yaml(configfile))
    if not isinstance(study, Study) or study.vision_transformer:
        return {}
    memory, disk = study_memory(study) * 10**6, REST + cache_bytes(study)
    return {
        check_memory: partial(check_memory, wanted=memory, study=study.study),
        check_disk_space: partial(check_disk_space, wanted=disk, study=study.study),
    }


def format_findings(findings: Sequence[Finding]) -> str:
    """Return findings as lines for a terminal; under what is wrong stands how to mend it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<8} {finding.name:<{width}}  {finding.says}")
        if finding.mend:
            lines.append(f"{'':<8} {'':<{width}}  mend: {finding.mend}")
    return "\n".join(lines)
