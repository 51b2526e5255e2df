from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.circuit import CircuitHashes
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import sha256
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.choose import choose_circuit
from sparse_circuits.circuits.dictionaries import sae_hashes
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.config.find_circuit import FindCircuit
from sparse_circuits.models.load import model_card


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    scores: Path  # node scores
    circuit: Path  # JSON file to write


def step(files: Files, settings: FindCircuit, compute: Compute) -> None:
    """Choose the nodes of a circuit by their scores, and weigh the edges between them."""
    drawn = settings.edge_pairs, settings.seed
    bench = files.bench(settings.sites, compute.start(), *drawn)
    hashes = CircuitHashes(
        model=model_card(files.model)["sha256"]["model.safetensors"],
        task=sha256(files.pairs),
        saes=sae_hashes(settings.sites, files.saes),
    )
    found = choose_circuit(bench, load_scores(files.scores), settings).model_copy(update={"sha256": hashes})
    found.write(files.circuit)
    print(f"{len(found.nodes)} nodes, {len(found.edges)} edges")
