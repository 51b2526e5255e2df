from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from sparse_circuits.activations.manifest import read_statistics
from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.models.load import load_model
from sparse_circuits.sae.coder import load_coder
from sparse_circuits.sae.evaluate import evaluate_coder


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences
    stats: Path  # stats.json of the activation cache
    sae: Folder  # folder of the autoencoder
    evaluation: Path  # JSON file to write


def step(files: Files, settings: EvaluateSAE, compute: Compute) -> None:
    """Evaluate one sparse autoencoder or transcoder on held-out text, by itself and inside the model."""
    device = compute.start()
    model = load_model(files.model, device)
    reads, writes = settings.sites
    width = sum(model.width(site) for site in reads)
    evaluation = evaluate_coder(
        model,
        read_sequences(files.sequences, "held_out"),
        load_coder(files.sae, settings.reads, width).to(device),
        {site: read_statistics(files.stats, str(site)).sink_norm for site in {*reads, *writes}},
        load_file(files.sae / "sparsity.safetensors")["sparsity"],
        settings,
    )
    evaluation.write(files.evaluation)
