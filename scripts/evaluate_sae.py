"""Evaluate one sparse autoencoder or transcoder on held-out text, by itself and inside the model."""

from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load_file

from sparse_circuits.activations.manifest import read_statistics
from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.site import Site
from sparse_circuits.files import write_json
from sparse_circuits.models.load import load_language_model
from sparse_circuits.sae.coder import HOOKS, load_coder
from sparse_circuits.sae.evaluate import evaluate_coder


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    sequences: Path
    """HDF5 file of token sequences"""
    stats: Path
    """stats.json of the activation cache"""
    sae: Path
    """folder of the autoencoder"""
    reads: list[str]
    """sites that it reads"""
    evaluation: Path
    """JSON file to write"""
    writes: list[str] = field(default_factory=list)
    """sites that a transcoder predicts; those that are read, when not given"""
    name: str | None = None
    """what to call its place in figures; the sites that are read, when not given"""
    batch: int = 8
    """sequences a forward pass"""
    seed: int = 0
    """bootstrap"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    language = load_language_model(args.model, device)
    reads = [Site.parse(site) for site in args.reads]
    writes = [Site.parse(site) for site in args.writes] or reads
    width = sum(language.width(site) for site in reads)
    sparsity = load_file(args.sae / "sparsity.safetensors")["sparsity"]
    result = evaluate_coder(
        language,
        read_sequences(args.sequences, "held_out"),
        args.name or HOOKS.join(args.reads),
        reads,
        writes,
        load_coder(args.sae, args.reads, width).to(device),
        {site: read_statistics(args.stats, str(site)).sink_norm for site in {*reads, *writes}},
        sparsity,
        args.batch,
        args.seed,
    )
    write_json(args.evaluation, result)


if __name__ == "__main__":
    program(main, Arguments)
