from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.artefacts.weight_pruning import WeightPruning
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.base.wording import count
from sparse_circuits.config.prune_task import PruneTask
from sparse_circuits.models.load import load_tokenizer, model_card
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.weight_sparse.choices import Masking
from sparse_circuits.weight_sparse.find import find_weight_circuit
from sparse_circuits.weight_sparse.folder import load_transformer


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences, over whose first training ones means are taken
    train: Path  # training pairs
    test: Path  # test pairs
    circuit: Path  # JSON file to write: nodes and edges
    pruning: Path  # JSON file to write: how the circuit does on test pairs


def step(files: Files, settings: PruneTask, compute: Compute) -> None:
    """Find the smallest circuit of one model for one task, and judge it on the test pairs."""
    model, separator = load_transformer(files.model, compute.start())
    tokens = torch.from_numpy(read_sequences(files.sequences, "train", 0, settings.mean_sequences).token_id).long()
    masking = Masking.by_means(model, tokens, settings.frozen_norms)
    pairs = {"train": read_pairs(files.train), "test": read_pairs(files.test)}
    found = find_weight_circuit(masking, pairs, load_tokenizer(files.model), separator, settings)
    facts = {
        "study": settings.study,
        "task": settings.task,
        "model": model_card(files.model)["name"],
        "basis": "weights",
        "metric": "task_loss",
        "target": settings.target,
        "sha256": {"model": sha256(files.model / "model.safetensors"), "task": sha256(files.train)},
    }
    WeightCircuit.model_validate({**facts, "nodes": found.nodes, "edges": found.edges}).write(files.circuit)
    pruning = {**facts, "split": "test", "solved": found.solved, **found.measures.plain()}
    WeightPruning.model_validate(pruning).write(files.pruning)
    accuracy = found.measures.accuracy
    if found.solved:
        print(f"{count(len(found.nodes), 'node')}, {count(len(found.edges), 'edge')}, accuracy {accuracy.circuit:.2f}")
    else:
        print(f"the model does not solve {settings.task}: accuracy {accuracy.model:.2f}")
