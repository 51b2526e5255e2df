from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.minimise import minimise_circuit
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.config.minimise_circuit import MinimiseCircuit


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    scores: Path  # node scores
    circuit: Path  # JSON file to write


def step(files: Files, settings: MinimiseCircuit, compute: Compute) -> None:
    """Search for the smallest circuit that is faithful enough, and show that no node of it can go."""
    bench = files.bench(settings.sites, compute.start(), batch_tokens=settings.batch_tokens)
    found = minimise_circuit(bench, load_scores(files.scores), settings)
    found.write(files.circuit)
    sizes, faithfulness = found.sizes, found.held_out_faithfulness
    print(f"{sizes.minimal} of {sizes.candidates} nodes, faithfulness {faithfulness:.3f} on held-out pairs")
