"""Speed of caching activations as a share of the bare forward pass of the same model to the same layer.

Caching is `cache_shard` as the pipeline calls it: the pass to the last site, collecting, statistics, permuting, writing
and fsync. The bare pass runs the same batches in the same precision to the same layer and reads nothing. Both in turn,
in several rounds.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from common import RESULTS, compare, now, publish
from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.sequences import Sequences, read_sequences
from sparse_circuits.base.compute import choose_device, matmul_precision, set_up
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.machine import cores
from sparse_circuits.command import program
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import locate
from sparse_circuits.models.load import Model, load_model

TARGET = 0.95


@dataclass(frozen=True)
class Arguments:
    model: Path = Path("results/models/smollm2-135m-instruct")
    """folder of the model"""
    sequences: Path = Path("results/activations/smollm2-135m-instruct/boolq/sequences.h5")
    """HDF5 file of token sequences"""
    sites: list[str] = field(default_factory=lambda: [f"resid_post.{layer}" for layer in (4, 9, 14, 19, 24)])
    """sites to cache, such as resid_post.4"""
    batch: int = 8
    """sequences a forward pass"""
    count: int = 96
    """sequences a round"""
    rounds: int = 5
    """rounds; each measures both once"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where it is present"""
    threads: int = field(default_factory=cores)
    """CPU threads of matrix products"""


class _Stop(Exception):
    """Ends the bare pass after the last layer wanted."""


def main(args: Arguments) -> None:
    for path, target in ((args.model, "models"), (args.sequences, "activations")):
        if not path.exists():
            raise StudyError(f"{path}: not there; run `snakemake {target}` first")
    set_up(args.threads)
    device = choose_device(args.device)
    model = load_model(args.model, device)
    sites = [Site.parse(site) for site in args.sites]
    sequences = read_sequences(args.sequences, "train", 0, args.count)
    first = Sequences(sequences.token_id[: args.batch], sequences.document[: args.batch])
    time_caching(model, first, sites, args.batch)
    time_bare_pass(model, first, sites, args.batch)
    caching: list[float] = []
    bare: list[float] = []
    for _ in tqdm(range(args.rounds), unit="round", disable=None):
        caching.append(sequences.token_id.size / time_caching(model, sequences, sites, args.batch))
        bare.append(sequences.token_id.size / time_bare_pass(model, sequences, sites, args.batch))
    last = max(sites, key=lambda site: site.order)
    name = f"caching {len(sites)} sites of {model.name} beside its bare forward pass to {last}"
    publish("activation_cache", device, [compare(name, "tokens/s", caching, bare, TARGET)])


def time_caching(model: Model, sequences: Sequences, sites: list[Site], batch: int) -> float:
    """Return the seconds that writing one shard takes, on the disk where results lie."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        begin = now(model.device)
        cache_shard(model, sequences, sites, batch, "bfloat16", 0, Path(folder) / "shard.h5")
        return now(model.device) - begin


@torch.no_grad()
def time_bare_pass(model: Model, sequences: Sequences, sites: list[Site], batch: int) -> float:
    """Return the seconds that the model takes for the same sequences up to the last of `sites`."""
    begin = now(model.device)
    tokens = torch.from_numpy(sequences.token_id)
    with _stopping_after(model, max(sites, key=lambda site: site.order)), matmul_precision(model.device):
        for part in tokens.split(batch):
            try:
                model.network(input_ids=part.to(model.device), use_cache=False, logits_to_keep=1)
            except _Stop:
                continue
    return now(model.device) - begin


@contextmanager
def _stopping_after(model: Model, site: Site) -> Iterator[None]:
    module, at_input = locate(model.network, model.family, site)

    def stop(*_: Any) -> None:
        raise _Stop

    handle = module.register_forward_pre_hook(stop) if at_input else module.register_forward_hook(stop)
    try:
        yield
    finally:
        handle.remove()


if __name__ == "__main__":
    program(main)
