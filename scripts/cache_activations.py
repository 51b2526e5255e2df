"""Cache the activations of one shard's sequences at all sites, in one forward pass."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import load_language_model


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    sequences: Path
    """HDF5 file of token sequences"""
    sites: list[str]
    """sites to cache, such as resid_post.4"""
    begin: int
    """first sequence of the shard"""
    end: int
    """the sequence after its last"""
    shard: Path
    """HDF5 file to write"""
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """type to store activations in"""
    compression: Literal["none", "zstd"] = "none"
    """how to compress them"""
    batch: int = 8
    """sequences a forward pass"""
    seed: int = 0
    """permutation of the rows, together with `begin`"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    language = load_language_model(args.model, choose_device(args.compute.device))
    sequences = read_sequences(args.sequences, "train", args.begin, args.end)
    sites = [Site.parse(site) for site in args.sites]
    seed = [args.seed, args.begin]
    rows = cache_shard(language, sequences, sites, args.batch, args.dtype, seed, args.shard, args.compression)
    print(f"{rows} rows")


if __name__ == "__main__":
    program(main, Arguments)
