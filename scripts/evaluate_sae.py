"""Evaluate one sparse autoencoder on held-out text, by itself and inside the model."""

from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load_file

from sparse_circuits.activations import read_sequences, read_statistics
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config import Site
from sparse_circuits.files import write_json
from sparse_circuits.models import load_language_model
from sparse_circuits.sae import load_autoencoder
from sparse_circuits.sae.evaluate import evaluate_autoencoder


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
    site: str
    """its site"""
    evaluation: Path
    """JSON file to write"""
    batch: int = 8
    """sequences a forward pass"""
    seed: int = 0
    """bootstrap"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    language, site = load_language_model(args.model, device), Site.parse(args.site)
    sparsity = load_file(args.sae / "sparsity.safetensors")["sparsity"]
    result = evaluate_autoencoder(
        language,
        read_sequences(args.sequences, "held_out"),
        site,
        load_autoencoder(args.sae, args.site, language.width(site)).to(device),
        read_statistics(args.stats, args.site),
        sparsity,
        args.batch,
        args.seed,
    )
    write_json(args.evaluation, result)


if __name__ == "__main__":
    program(main, Arguments)
