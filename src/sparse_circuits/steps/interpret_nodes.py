from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import sequences_attributes
from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.interpretation import Interpretation, InterpretedNode
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.circuits.dictionaries import features_of
from sparse_circuits.config.interpret_nodes import InterpretNodes
from sparse_circuits.config.site import Site
from sparse_circuits.interpret.circuits import site_nodes
from sparse_circuits.interpret.describe import describe_nodes
from sparse_circuits.interpret.firing import read_firing
from sparse_circuits.interpret.images import describe_on_images
from sparse_circuits.models.load import load_model, model_card
from sparse_circuits.sae.autoencoder import load_autoencoder


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sae: Folder  # folder of the site's autoencoder, or of the transcoder that writes it
    activations: Folder  # folder of the activation cache, with sequences.h5
    circuits: list[Path]  # circuit.json of each task
    interpretation: Path  # JSON file to write


def step(files: Files, settings: InterpretNodes, compute: Compute) -> None:
    """Describe the features of a study's circuits at one site: where they are active, what drives and follows them."""
    model = load_model(files.model, compute.start())
    circuits = [ScoredCircuit.read(path) for path in files.circuits]
    site, nodes = Site.parse(settings.site), site_nodes(circuits, settings.site)
    features = features_of(model, site, load_autoencoder(files.sae), f"{files.sae}/cfg.json")
    reads = features.reads or site
    grid = model.grid(site) if model.sees else None
    firing = read_firing(
        files.activations,
        str(reads),
        features.sae,
        list(nodes),
        settings.tokens,
        model.device,
        model.positions(torch.empty(1, 0), reads) if grid else None,
    )
    if grid:
        written = features.sae.W_dec[list(nodes)]
        described = describe_on_images(model, site, written, list(nodes), firing, grid, settings.contexts)
    else:
        described = describe_nodes(
            model, site, reads, features.sae, list(nodes), firing, settings, settings.seed, settings.batch_tokens
        )
    card = model_card(files.model)
    found = Interpretation(
        study=settings.study,
        site=settings.site,
        model=card["name"],
        corpus=sequences_attributes(files.activations / "sequences.h5")["corpus"],
        tokens=firing.tokens,
        held_out_tokens=int(firing.cached[firing.judged].sum()),
        **({"grid": grid} if grid else {"window": settings.window}),
        sha256={
            "model": card["sha256"]["model.safetensors"],
            "sae": sha256(files.sae / "sae_weights.safetensors"),
            "sequences": sha256(files.activations / "sequences.h5"),
        },
        nodes=[
            InterpretedNode(**note.plain(), **where.plain())
            for note, where in zip(described, nodes.values(), strict=True)
        ],
    )
    found.write(files.interpretation)
    for node in found.nodes:
        print(f"{node.id}: {node.label}")
