from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.shift_evaluation import ShiftEvaluation
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.circuits.dictionaries import load_basis
from sparse_circuits.config.run_shift import RunShift
from sparse_circuits.models.load import load_model
from sparse_circuits.shift.experiment import Subject, experiment
from sparse_circuits.sources.biographies import read_biographies


@dataclass(frozen=True)
class Files:
    biographies: Path  # JSON-lines file of biographies
    model: Folder  # folder of the model
    saes: list[Folder]  # folder of each site's autoencoder
    evaluation: Path  # JSON file to write


def step(files: Files, settings: RunShift, compute: Compute) -> None:
    """A probe that learnt gender for profession: what of it is found in its circuit, taken out, and what that helps."""
    model = load_model(files.model, compute.start())
    basis = load_basis(model, files.saes, settings.sites)
    biographies = read_biographies(files.biographies)
    rows, seeds = experiment(Subject(model, basis, settings, biographies), settings.seed)
    ShiftEvaluation(
        professions=list(settings.professions),
        site=settings.site,
        sha256={"biographies": sha256(files.biographies)},
        rows=rows,
        seeds=seeds,
    ).write(files.evaluation)
    worst = {name: rows[name].worst_group for name in ("original", "shift", "retrained", "oracle")}
    print("worst group: " + ", ".join(f"{name} {value:.2f}" for name, value in worst.items()))
