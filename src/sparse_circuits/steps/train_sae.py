from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sparse_circuits.activations.manifest import read_statistics
from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.base.checkpoint import Resumption
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import ByFolder, Folder, write_csv
from sparse_circuits.base.fingerprint import fingerprint
from sparse_circuits.config.site import HOOKS
from sparse_circuits.config.train_sae import TrainSAE
from sparse_circuits.sae.coder import save_coder
from sparse_circuits.sae.train import Batch, train_saes
from sparse_circuits.sae.units import Units


@dataclass(frozen=True)
class Files:
    activations: Folder  # folder of the activation cache
    folders: list[Folder]
    """folders to write, of their names: cfg.json, sae_weights.safetensors, sparsity.safetensors, training.csv"""


def step(files: Files, settings: TrainSAE, resumption: Resumption, compute: Compute) -> None:
    """Train sparse autoencoders, or transcoders, on cached activations, all in one pass."""
    reads, writes = settings.reads, settings.writes
    for name, config in settings.saes.items():
        if (transcodes := config.kind.endswith("transcoder")) != bool(writes):
            raise StudyError(f"{name}: kind `{config.kind}` {'needs' if transcodes else 'takes no'} --writes")
    first = next(iter(settings.saes.values()))
    device = compute.start()
    reader = ActivationReader(files.activations, reads + writes, pin=device.type == "cuda")
    manifest = reader.manifest
    metadata = {
        "model_name": manifest.model,
        "hook_name": HOOKS.join(reads),
        **({"hook_name_out": HOOKS.join(writes)} if writes else {}),
        "dataset_path": manifest.corpus,
        "corpus_sha256": manifest.corpus_sha256,
        "shards_sha256": [entry.sha256 for entry in manifest.shards],
        "training_tokens": reader.rows * first.epochs,
        "seed": settings.seed,
        "prepend_bos": True,
    }
    decisive = settings.model_dump(mode="json"), metadata, fingerprint(Path(__file__)), torch.__version__
    results = train_saes(
        lambda start: (
            _batch(rows, len(reads)) for rows in reader.batches(first.batch, first.epochs, settings.seed, start)
        ),
        reader.rows * first.epochs // first.batch,
        _units(files.activations, reads),
        settings.saes,
        settings.seed,
        device,
        metadata,
        resumption.checkpoint(*decisive),
        _units(files.activations, writes) if writes else None,
    )
    folders = ByFolder(files.folders)
    for name, result in results.items():
        save_coder(folders[name], result.sae, result.firing_share)
        write_csv(folders[name] / "training.csv", result.log)
    resumption.end()


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
