"""The study, read and checked once, and what the rules of every kind of study need."""

import os
import sys
from pathlib import Path

# The repository that these rules came from: here, or, where another workflow uses them as a module, elsewhere.
HOME = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if not (HOME / "scripts").is_dir():
    sys.exit(
        "error: these rules run programs of their repository; clone it, and name Snakefile of the clone"
    )
sys.path.insert(0, str(HOME / "src"))

from sparse_circuits.base.clone import check_library, imported_by
from sparse_circuits.studies.weight_sparse import WeightSparseStudy
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.studies.load import load_study
from sparse_circuits.doctor import check_git
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.fingerprint import fingerprint
from sparse_circuits.plan.commands import computes, file_words
from sparse_circuits.plan.figures import figure_files
from sparse_circuits.plan.needs import job_memory
from sparse_circuits.plan.of_study import plan_of
from sparse_circuits.plan.paths import (
    CONFIG,
    SAE,
    TOKENIZER,
    TRAINED_MODEL,
    WEIGHTS,
    WHOLE_MODEL,
)
from sparse_circuits.plan.study_paths import files
from sparse_circuits.versions.stages import stages_folder

try:
    # Fingerprints are of the library here; the rules' programs import what their Python finds.
    if not workflow.deployment_settings.deployment_method:
        check_library(HOME, imported_by("python"))
    # Snakemake, which has read them, takes the last of several blocks under one key. (A pipe can be read once only.)
    for path in map(Path, workflow.configfiles):
        if path.is_file():
            read_yaml(path)
    STUDY = load_study(config)
except StudyError as error:
    sys.exit(f"error: {error}")

if (git := check_git()).mend:
    print(f"note: {git.says}: {git.mend}", file=sys.stderr)

# The default study's stages stand in the top dvc.yaml, those of another beside it, in a folder of their own.
OTHERS = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
OTHERS = [path for path in OTHERS if path != config.get("default_study")]
COMMAND = " ".join(
    ["snakemake", *(f"--configfile {path}" for path in OTHERS[-1:]), "--"]
)
COMMAND = COMMAND.replace("{", "{{").replace("}", "}}")  # `told` formats it
STORED_ELSEWHERE = bool(workflow.storage_settings.default_storage_provider)
STAGES = stages_folder(STUDY.study, is_default=not OTHERS)

PATHS, TOLD, FIGURES = plan_of(STUDY)


# All in one place before the first rule: of a rule whose outputs lie in storage, Snakemake forgets its own constraints
# when global ones come later.
wildcard_constraints:
    **PATHS.wildcards,


def program(step):
    """A rule's input: its script, which stays here where results go to storage elsewhere.

    Its time does not matter, since `code` tells whether it changed.
    """
    return local(ancient(os.path.relpath(script_of(step))))


def told(step, rule=None, modules=lambda wildcards: [], **others):
    """A rule's parameters: the flags of its step's files and settings, and what the step computes, comments left out.

    Files are the rule's inputs and outputs that have the names of flags, and `others`, which are given by path.
    `modules` are imported by name. Settings are those of `rule`, where it is not called as its step is.
    """

    def words(wildcards, input, output):
        given = {name: path.format_map(wildcards) for name, path in others.items()}
        return file_words(
            step, {**dict(input.items()), **dict(output.items()), **given}
        )

    settings = TOLD.get(rule or step)
    return {
        "files": words,
        "settings": lambda wildcards: (
            settings.read(STUDY, dict(wildcards.items())).flags() if settings else []
        ),
        "code": lambda wildcards: fingerprint(script_of(step), *modules(wildcards)),
    }


def command(step):
    """A rule's shell command."""
    threads = " --threads {threads}" if computes(step) else ""
    return f"python {{input.script}} {{params.files:q}} {{params.settings:q}}{threads} > {{log:q}} 2>&1"


def script_of(step):
    return HOME / "scripts" / f"{step}.py"


def brought(paths):
    """Paths of which those that the user brings stay here where results go to storage elsewhere."""
    return [path if path.startswith("results/") else local(path) for path in paths]


def memory(megabytes, copies=1):
    """A rule's memory: what it needs beside the weights that it loads, and as much again with each further try."""
    return (
        lambda wildcards, input, attempt: job_memory(megabytes, input, copies) * attempt
    )


def dvc_repository(wildcards):
    """No file: stops where DVC could not record what is about to be made."""
    folders = (Path.cwd(), *Path.cwd().parents)
    if not any((folder / ".dvc").is_dir() for folder in folders):
        sys.exit("error: no DVC repository here to record in; `dvc init` makes one")
    return []
