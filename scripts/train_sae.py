"""Train sparse autoencoders on the cached activations of a site, all in one pass."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sparse_circuits.activations import ActivationReader, read_statistics
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.autoencoders import Entries
from sparse_circuits.config.base import validate
from sparse_circuits.files import write_csv
from sparse_circuits.fingerprint import fingerprint
from sparse_circuits.sae import save_autoencoder
from sparse_circuits.sae.checkpoint import Checkpoint
from sparse_circuits.sae.train import train


@dataclass(frozen=True)
class Arguments:
    activations: Path
    """folder of the activation cache"""
    site: str
    """site to train on, such as resid_post.14"""
    saes: str
    """what to train: names and settings, as JSON, like a study's `saes`"""
    folder: Path
    """where to write a folder of each name: cfg.json, sae_weights.safetensors, sparsity.safetensors, training.csv"""
    seed: int = 0
    """initial weights of those that have no seed of their own, and order of the shards"""
    state: Path | None = None
    """where to keep the state of training, from which a run that was stopped goes on; by default nowhere"""
    save_every: float = 5.0
    """minutes between two savings of the state"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    configs = validate(Entries, {"saes": json.loads(args.saes)}, "train_sae").saes
    first = next(iter(configs.values()))
    reader = ActivationReader(args.activations, args.site)
    statistics = read_statistics(args.activations / "stats.json", args.site)
    manifest = reader.manifest
    metadata = {
        "model_name": manifest["model"],
        "hook_name": args.site,
        "dataset_path": manifest["corpus"],
        "corpus_sha256": manifest["corpus_sha256"],
        "shards_sha256": [entry["sha256"] for entry in manifest["shards"]],
        "training_tokens": reader.rows * first.epochs,
        "seed": args.seed,
        "prepend_bos": True,
    }
    results = train(
        lambda start: reader.batches(first.batch, first.epochs, args.seed, start),
        reader.rows * first.epochs // first.batch,
        statistics.mean,
        statistics.mean_squared_norm,
        configs,
        args.seed,
        choose_device(args.compute.device),
        metadata,
        Checkpoint(args.state, _spec(args.saes, metadata), args.save_every) if args.state else None,
    )
    for name, result in results.items():
        save_autoencoder(args.folder / name, result.sae, result.firing_share)
        write_csv(args.folder / name / "training.csv", result.log)
    if args.state:
        args.state.unlink(missing_ok=True)


def _spec(saes: str, metadata: dict[str, Any]) -> str:
    """The hash of all that decides the outcome; the shards' hashes and the seed are part of the metadata."""
    parts = [saes, json.dumps(metadata), fingerprint(Path(__file__)), torch.__version__]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


if __name__ == "__main__":
    program(main, Arguments)
