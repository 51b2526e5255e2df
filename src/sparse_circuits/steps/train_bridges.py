from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.weight_carrying import WeightCarrying
from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, publishing
from sparse_circuits.config.train_bridges import TrainBridges
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.weight_sparse.bridge_training import bridge_losses, train_bridges
from sparse_circuits.weight_sparse.carrying import carry
from sparse_circuits.weight_sparse.folder import load_transformer
from sparse_circuits.weight_sparse.masks import parse_channel
from sparse_circuits.weight_sparse.training import in_random_order


@dataclass(frozen=True)
class Files:
    dense: Folder  # folder of the dense model
    sparse: Folder  # folder of the sparse model
    sequences: Path  # HDF5 file of token sequences
    circuits: list[Path]  # circuit.json of the sparse model, of each task
    tests: list[Path]  # test pairs of the same tasks, in folders of the tasks' names
    bridges: Path  # safetensors file to write
    carried: Path  # JSON file to write


def step(files: Files, settings: TrainBridges, compute: Compute) -> None:
    """Train bridges between a dense and a sparse model, and carry interventions on sparse circuits over them."""
    device, seed, batch = compute.start(), settings.seed, settings.batch
    (dense, separator), (sparse, _) = (load_transformer(folder, device) for folder in (files.dense, files.sparse))
    tokenizer = load_tokenizer(files.sparse)
    data, held_out = (
        torch.from_numpy(read_sequences(files.sequences, split).token_id).long() for split in ("train", "held_out")
    )
    steps = settings.tokens // (batch * data.shape[1])
    sequences = in_random_order(data, batch, seed)
    bridges = train_bridges(dense, sparse, sequences, steps, settings.active, settings.learning_rate, seed)
    losses = bridge_losses(dense, sparse, bridges, held_out[: settings.held_out], batch)
    tests = {path.parent.name: path for path in files.tests}
    tasks = {}
    for circuit in map(WeightCircuit.read, files.circuits):
        if nodes := [parse_channel(node.id) for node in circuit.nodes]:
            groups = encode_pairs(read_pairs(tests[circuit.task]), tokenizer, separator)
            tasks[circuit.task] = carry(dense, sparse, bridges, nodes, groups, settings.strengths, seed)
    with publishing(files.bridges) as temporary:
        save_file({name: weight.contiguous().cpu() for name, weight in bridges.state_dict().items()}, temporary)
    carrying = WeightCarrying(
        study=settings.study, dense=files.dense.name, sparse=files.sparse.name, losses=losses, tasks=tasks
    )
    carrying.write(files.carried)
    print(", ".join(f"{name} {value:.3f}" for name, value in losses) + f"; {len(tasks)} circuits carried over")
