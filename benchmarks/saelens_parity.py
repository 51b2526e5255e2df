"""Have SAELens load an autoencoder of every architecture as we save it, and compare what both compute.

We write the folders and what we compute from them; check_saelens.py, in the environment of the rivals, reads both.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import save_file

from sparse_circuits.base.errors import StudyError
from sparse_circuits.command import program
from sparse_circuits.sae.autoencoder import Architecture, SparseAutoencoder, save_autoencoder, tensor_shapes


@dataclass(frozen=True)
class Arguments:
    python: Path = Path(".rivals/bin/python")
    """interpreter of the environment with sae-lens"""
    d_in: int = 64
    """width of the activations"""
    d_sae: int = 512
    """number of features"""
    k: int = 16
    """features active at a time"""
    rows: int = 256
    """activations that are compared"""


def main(args: Arguments) -> None:
    if not args.python.exists():
        raise StudyError(f"{args.python}: no such file; run `bash benchmarks/setup_rivals.sh` first")
    with tempfile.TemporaryDirectory() as folder:
        for architecture in get_args(Architecture):
            widths = (args.d_in, args.d_in // 2) if architecture.endswith("transcoder") else (args.d_in,)
            for d_out in widths:
                write(Path(folder) / f"{architecture} {args.d_in} to {d_out}", architecture, d_out, args)
        if subprocess.run([str(args.python), "benchmarks/check_saelens.py", folder]).returncode:
            raise StudyError("SAELens does not compute what we compute; see above")


def write(folder: Path, architecture: Architecture, d_out: int, args: Arguments) -> None:
    """Save an autoencoder of random weights, and beside it x, features and reconstruction."""
    generator = torch.Generator().manual_seed(0)
    shapes = tensor_shapes("jumprelu_skip_transcoder", args.d_in, args.d_sae, d_out)
    # Of the size that makes pre-activations of about 1 and reconstructions of about 1.
    weights: dict[str, Any] = {
        name: torch.randn(shape, generator=generator) * (shape[0] ** -0.5 if len(shape) == 2 else 0.5)
        for name, shape in shapes.items()
    }
    if not architecture.startswith(("jumprelu", "gated")):
        del weights["threshold"]
    if "skip" not in architecture:
        del weights["W_skip"]
    sae = SparseAutoencoder(
        architecture,
        **weights,
        k=args.k if architecture.startswith("topk") else None,
        centred=not architecture.endswith("transcoder"),
        metadata={"model_name": "none", "hook_name": "resid_post.0"},
    )
    save_autoencoder(folder, sae, torch.ones(sae.width))
    x = torch.randn(args.rows, args.d_in, generator=generator)
    save_file(
        {"x": x, "features": sae.encode(x), "reconstruction": sae.reconstruct(x)}, folder / "expected.safetensors"
    )


if __name__ == "__main__":
    program(main)
