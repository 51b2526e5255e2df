from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.claim_verdicts import ClaimVerdicts
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import ByFolder, Folder
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.circuit_file import circuit_nodes
from sparse_circuits.circuits.dictionaries import load_basis
from sparse_circuits.config.base import validate
from sparse_circuits.config.claims import Claims
from sparse_circuits.config.judge_claims import JudgeClaims
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.edit.added_layer import moved
from sparse_circuits.models.load import load_model, model_card
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.verify.claims import check_variable, judge_claim


@dataclass(frozen=True)
class Files:
    claims: Path  # YAML file of claims
    model: Folder  # folder of the model
    pairs: list[Path]  # <task>/test.jsonl of the claims' tasks
    verdicts: Path  # JSON file to write
    edited: list[Folder] = field(default_factory=list)
    """<edit>/model, the folders of the models of edits that claims are tested on"""
    circuits: list[Path] = field(default_factory=list)  # <task>/<basis>/circuit.json of the circuits that claims swap
    saes: list[Folder] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""


def step(files: Files, settings: JudgeClaims, compute: Compute) -> None:
    """Test a file of claims on a model and on those that were edited, and write the verdicts."""
    claims = validate(Claims, read_yaml(files.claims), str(files.claims)).claims
    device = compute.start()
    model = load_model(files.model, device)
    basis = load_basis(model, files.saes, settings.sites) if files.circuits else {}
    pairs, circuits, edited = ByFolder(files.pairs, 1), ByFolder(files.circuits, 2), ByFolder(files.edited, 1)
    models = {folder: load_model(folder, device) for folder in edited.values()} | {files.model: model}
    found = {}
    for name, claim in claims.items():
        folder = edited[claim.edit] if claim.edit else files.model
        nodes = circuit_nodes(ScoredCircuit.read(circuits[claim.of_circuit])) if claim.of_circuit else []
        added = model_card(folder).get("added_after", [])
        nodes = [Node(moved(node.site, added), node.index) for node in nodes]
        there = {moved(site, added): dictionary for site, dictionary in basis.items()}
        held_out = read_pairs(pairs[claim.task])
        check_variable(claim, held_out)
        groups = encode_pairs(held_out, model.tokenizer, model.separator_id)
        bench = Bench(models[folder], groups, there, batch_tokens=settings.batch_tokens)
        found[name] = judge_claim(claim, bench, nodes, settings.seed)
        print(f"{found[name].verdict:9}  {name}: {found[name].share:.3f} {list(found[name].ci95)}")
    ClaimVerdicts(model=model.name, claims=found).write(files.verdicts)
