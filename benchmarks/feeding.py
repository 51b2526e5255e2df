"""Tokens per second of training a TopK sparse autoencoder fed from HDF5, as a share of the same fed from memory.

Training is `sparse_circuits.sae.train.train_saes` as the pipeline calls it, fed by an `ActivationReader` that may hold
nothing in memory, so that every slab is read and its checksum tested; and by the same batches in a list. Both in turn,
in several rounds. The shards were just written: they come from the system's cache of files, not from the disk.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from common import RESULTS, Training, compare, publish, synthetic_activations
from ours import time_training
from sparse_circuits.activations.manifest import build_manifest
from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.activations.shard import Compression, Rows, SiteStatistics, write_shard
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.command import program
from sparse_circuits.config.autoencoders import TopK

TARGETS: dict[Compression, float | None] = {"none": 0.9, "zstd": None}
SITE = "resid_post.0"
BATCHES = 32  # in a cache, in two shards of several chunks each


@dataclass(frozen=True)
class Arguments:
    rounds: int = 5
    """rounds; each measures everything once"""
    training: Training = field(default_factory=Training)


def main(args: Arguments) -> None:
    training = args.training
    set_up(training.threads)
    device = choose_device(training.device)
    batches = [batch.cpu() for batch in synthetic_activations(training, BATCHES)]
    topk = {"architecture": "topk", "d_sae": training.d_sae, "k": training.k, "batch": training.batch}
    config = {"topk": TopK.model_validate(topk)}
    memory: list[float] = []
    fed: dict[Compression, list[float]] = {compression: [] for compression in TARGETS}
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        for compression in TARGETS:
            write_cache(Path(folder) / compression, batches, compression)
        for _ in tqdm(range(args.rounds), unit="round", disable=None):
            memory.append(training.tokens_per_second(time_training(batches, batches, training, config)))
            for compression, speeds in fed.items():
                reader = ActivationReader(Path(folder) / compression, SITE, memory=0)
                epochs = -(-training.all_steps // BATCHES)
                reading = reader.batches(training.batch, epochs, 0)
                speeds.append(training.tokens_per_second(time_training(reading, batches, training, config)))
    sizes = f"TopK {training.d_in} → {training.d_sae:,}, k {training.k}, batch {training.batch:,}"
    rows = [
        compare(
            f"{sizes}, fed from HDF5 (compression: {name}), beside fed from memory", "tokens/s", speeds, memory, target
        )
        for (name, speeds), target in zip(fed.items(), TARGETS.values(), strict=True)
    ]
    publish("feeding", device, rows)


def write_cache(folder: Path, batches: list[Tensor], compression: Compression) -> None:
    """Write a cache of one site that holds `batches` in two shards."""
    folder.mkdir()
    with h5py.File(folder / "sequences.h5", "w") as sequences:
        sequences.attrs.update(corpus="none", corpus_sha256="", model="none", seed=0, tokenizer_sha256="")
    files = [folder / "shard-00000.h5", folder / "shard-00001.h5"]
    for file, part in zip(files, torch.cat(batches).chunk(2), strict=True):
        nowhere = np.zeros(len(part), dtype=np.int32)
        statistics = SiteStatistics(np.zeros(part.shape[1]), 1.0, 0.0, 0.0, 0)  # of a site that varies; else unread
        write_shard(
            file, {SITE: part}, Rows(nowhere, nowhere, nowhere, nowhere), {SITE: statistics}, "bfloat16", compression
        )
    build_manifest(folder, folder / "sequences.h5", files)


if __name__ == "__main__":
    program(main)
