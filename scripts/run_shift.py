"""A probe that learnt gender for profession: what of it is found in its circuit, taken out, and what that helps."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.setup import set_up_basis
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.shift import Shift
from sparse_circuits.files import sha256, write_json
from sparse_circuits.models.load import load_language_model, load_tokenizer
from sparse_circuits.shift.experiment import Subject, experiment
from sparse_circuits.sources.biographies import read_biographies


@dataclass(frozen=True)
class Arguments:
    settings: str
    """the settings of `shift`, as JSON"""
    biographies: Path
    """JSON-lines file of biographies"""
    model: Path
    """folder of the model"""
    sites: list[str]
    """sites of the nodes, in the order of the computation"""
    saes: list[Path]
    """folder of each site's autoencoder"""
    evaluation: Path
    """JSON file to write"""
    seed: int = 0
    """of the draws"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    settings = validate(Shift, args.settings, "shift")
    language = load_language_model(args.model, choose_device(args.compute.device))
    basis = set_up_basis(language, args.saes, args.sites)
    biographies = read_biographies(args.biographies)
    found = experiment(Subject(language, load_tokenizer(args.model), basis, settings, biographies), args.seed)
    facts = {"professions": list(settings.professions), "site": settings.site}
    write_json(args.evaluation, {**facts, "sha256": {"biographies": sha256(args.biographies)}, **found})
    worst = {name: found["rows"][name]["worst_group"] for name in ("original", "shift", "retrained", "oracle")}
    print("worst group: " + ", ".join(f"{name} {value:.2f}" for name, value in worst.items()))


if __name__ == "__main__":
    program(main, Arguments)
