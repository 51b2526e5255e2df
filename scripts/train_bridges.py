"""Train bridges between a dense and a sparse model, and carry interventions on sparse circuits over them."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.weight_sparse import Bridging
from sparse_circuits.files import publishing, read_json, write_json
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.tasks.pairs import encode_pairs, read_pairs
from sparse_circuits.weight_sparse.bridge_training import bridge_losses, train_bridges
from sparse_circuits.weight_sparse.carrying import carry
from sparse_circuits.weight_sparse.folder import load_weight_sparse_model
from sparse_circuits.weight_sparse.masks import parse_channel
from sparse_circuits.weight_sparse.training import in_random_order


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    dense: Path
    """folder of the dense model"""
    sparse: Path
    """folder of the sparse model"""
    sequences: Path
    """HDF5 file of token sequences"""
    bridging: str
    """the study's settings of bridges, as JSON"""
    circuits: list[Path]
    """circuit.json of the sparse model, of each task"""
    tests: list[Path]
    """test pairs of the same tasks"""
    bridges: Path
    """safetensors file to write"""
    carried: Path
    """JSON file to write"""
    seed: int = 0
    """of first weights, the order of sequences and random channels"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    settings = validate(Bridging, args.bridging, "bridges")
    (dense, separator), (sparse, _) = (load_weight_sparse_model(folder, device) for folder in (args.dense, args.sparse))
    tokenizer = load_tokenizer(args.sparse)
    data, held_out = (
        torch.from_numpy(read_sequences(args.sequences, split).token_id).long() for split in ("train", "held_out")
    )
    bridges = train_bridges(
        dense,
        sparse,
        in_random_order(data, settings.batch, args.seed),
        settings.tokens // (settings.batch * data.shape[1]),
        settings.active,
        settings.learning_rate,
        args.seed,
    )
    losses = bridge_losses(dense, sparse, bridges, held_out[: settings.held_out], settings.batch)
    tasks = {}
    for circuit, test in zip((read_json(path) for path in args.circuits), args.tests, strict=True):
        if nodes := [parse_channel(node["id"]) for node in circuit["nodes"]]:
            groups = encode_pairs(read_pairs(test), tokenizer, separator)
            tasks[circuit["task"]] = carry(dense, sparse, bridges, nodes, groups, settings.strengths, args.seed)
    with publishing(args.bridges) as temporary:
        save_file({name: weight.contiguous().cpu() for name, weight in bridges.state_dict().items()}, temporary)
    names = {"study": args.study, "dense": args.dense.name, "sparse": args.sparse.name}
    write_json(args.carried, {**names, "losses": losses, "tasks": tasks})
    print(", ".join(f"{name} {value:.3f}" for name, value in losses.items()) + f"; {len(tasks)} circuits carried over")


if __name__ == "__main__":
    program(main, Arguments)
