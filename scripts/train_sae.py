"""Train sparse autoencoders, or transcoders, on cached activations, all in one pass."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from sparse_circuits.activations.manifest import read_statistics
from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.checkpoint import Resumption
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.autoencoders import Entries
from sparse_circuits.config.base import validate
from sparse_circuits.errors import StudyError
from sparse_circuits.files import write_csv
from sparse_circuits.fingerprint import fingerprint
from sparse_circuits.sae.coder import HOOKS, save_coder
from sparse_circuits.sae.train import Batch, train_saes
from sparse_circuits.sae.units import Units


@dataclass(frozen=True)
class Arguments:
    activations: Path
    """folder of the activation cache"""
    reads: list[str]
    """sites that are read, such as resid_post.14; side by side, where there are several"""
    saes: str
    """what to train: names and settings, as JSON, like a study's `saes`"""
    folder: Path
    """where to write a folder of each name: cfg.json, sae_weights.safetensors, sparsity.safetensors, training.csv"""
    writes: list[str] = field(default_factory=list)
    """sites that transcoders are to predict; those that are read, when not given"""
    seed: int = 0
    """initial weights of those that have no seed of their own, and order of the shards"""
    resumption: Resumption = field(default_factory=Resumption)
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    configs = validate(Entries, {"saes": json.loads(args.saes)}, "train_sae").saes
    for name, config in configs.items():
        if (transcodes := config.kind.endswith("transcoder")) != bool(args.writes):
            raise StudyError(f"{name}: kind `{config.kind}` {'needs' if transcodes else 'takes no'} --writes")
    first = next(iter(configs.values()))
    device = choose_device(args.compute.device)
    reader = ActivationReader(args.activations, args.reads + args.writes, pin=device.type == "cuda")
    manifest = reader.manifest
    metadata = {
        "model_name": manifest["model"],
        "hook_name": HOOKS.join(args.reads),
        **({"hook_name_out": HOOKS.join(args.writes)} if args.writes else {}),
        "dataset_path": manifest["corpus"],
        "corpus_sha256": manifest["corpus_sha256"],
        "shards_sha256": [entry["sha256"] for entry in manifest["shards"]],
        "training_tokens": reader.rows * first.epochs,
        "seed": args.seed,
        "prepend_bos": True,
    }
    results = train_saes(
        lambda start: (
            _batch(rows, len(args.reads)) for rows in reader.batches(first.batch, first.epochs, args.seed, start)
        ),
        reader.rows * first.epochs // first.batch,
        _units(args.activations, args.reads),
        configs,
        args.seed,
        device,
        metadata,
        args.resumption.checkpoint(args.saes, metadata, fingerprint(Path(__file__)), torch.__version__),
        _units(args.activations, args.writes) if args.writes else None,
    )
    for name, result in results.items():
        save_coder(args.folder / name, result.sae, result.firing_share)
        write_csv(args.folder / name / "training.csv", result.log)
    args.resumption.end()


def _units(activations: Path, sites: list[str]) -> Units:
    statistics = [read_statistics(activations / "stats.json", site) for site in sites]
    return Units.of([one.mean for one in statistics], [one.mean_squared_norm for one in statistics])


def _batch(rows: tuple[Tensor, ...], reads: int) -> Batch:
    """What is read, and what is to be predicted, if anything is: sites side by side."""
    read, written = (
        part[0] if len(part) == 1 else torch.cat(part, dim=1) if part else None for part in (rows[:reads], rows[reads:])
    )
    assert read is not None
    return read if written is None else (read, written)


if __name__ == "__main__":
    program(main, Arguments)
