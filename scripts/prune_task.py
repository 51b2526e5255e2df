"""Find the smallest circuit of one model for one task on code, and judge it on the test pairs."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.weight_sparse import Pruning
from sparse_circuits.weight_sparse.find import find_circuit


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    task: str
    """name of the task"""
    model: Path
    """folder of the model"""
    sequences: Path
    """HDF5 file of token sequences, over whose first training ones means are taken"""
    train: Path
    """training pairs"""
    test: Path
    """test pairs"""
    pruning: str
    """the study's settings of pruning, as JSON"""
    folder: Path
    """where to write circuit.json and pruning.json"""
    random_circuits: int = 20
    """random circuits beside the circuit"""
    seed: int = 0
    """of masks and random circuits"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    pruning = validate(Pruning, args.pruning, "pruning")
    tokens = torch.from_numpy(read_sequences(args.sequences, "train", 0, pruning.mean_sequences).token_id).long()
    found = find_circuit(
        args.study,
        args.task,
        args.model,
        tokens,
        args.train,
        args.test,
        pruning,
        args.random_circuits,
        args.seed,
        choose_device(args.compute.device),
        args.folder,
    )
    print(found)


if __name__ == "__main__":
    program(main, Arguments)
