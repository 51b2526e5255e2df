"""Test a file of claims on a model and on those that were edited, and write the verdicts."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.circuit_file import read_circuit_nodes
from sparse_circuits.circuits.setup import set_up_basis
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.claims import Claims
from sparse_circuits.config.load import read_yaml
from sparse_circuits.edit.added_layer import moved
from sparse_circuits.files import write_json
from sparse_circuits.models.load import load_language_model, load_tokenizer, model_card
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.verify.claims import check_variable, judge_claim


@dataclass(frozen=True)
class Arguments:
    claims: Path
    """YAML file of claims"""
    model: Path
    """folder of the model"""
    subjects: list[Path]
    """folder of the model that each claim is tested on: this one, or one that was made of it"""
    pairs: list[Path]
    """held-out pairs of each claim's task, in the claims' order"""
    circuits: list[Path]
    """circuit.json for each claim that swaps nodes, in the claims' order"""
    sites: list[str]
    """sites of the nodes, in the order of the computation"""
    saes: list[Path]
    """folder of each site's autoencoder; none for coordinates"""
    verdicts: Path
    """JSON file to write"""
    batch_tokens: int = 2048
    """tokens in one forward pass"""
    seed: int = 0
    """of the bootstrap"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    claims = validate(Claims, read_yaml(args.claims), str(args.claims)).claims
    device = choose_device(args.compute.device)
    language, tokenizer = load_language_model(args.model, device), load_tokenizer(args.model)
    basis = set_up_basis(language, args.saes, args.sites) if args.circuits else {}
    loaded = {folder: load_language_model(folder, device) for folder in {*args.subjects} - {args.model}}
    loaded[args.model] = language
    circuits = iter(args.circuits)
    found = {}
    for (name, claim), pairs, folder in zip(claims.items(), args.pairs, args.subjects, strict=True):
        added = model_card(folder).get("added_after", [])
        nodes = read_circuit_nodes(next(circuits)) if claim.of_circuit else []
        nodes = [Node(moved(node.site, added), node.index) for node in nodes]
        there = {moved(site, added): dictionary for site, dictionary in basis.items()}
        held_out = read_pairs(pairs)
        check_variable(claim, held_out)
        groups = encode_pairs(held_out, tokenizer, language.separator_id)
        found[name] = judge_claim(claim, loaded[folder], groups, there, nodes, args.seed, args.batch_tokens)
        print(f"{found[name]['verdict']:9}  {name}: {found[name]['share']:.3f} {found[name]['ci95']}")
    write_json(args.verdicts, {"model": language.name, "claims": found})


if __name__ == "__main__":
    program(main, Arguments)
