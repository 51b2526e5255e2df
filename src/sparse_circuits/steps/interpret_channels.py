from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.interpretation import Interpretation, InterpretedNode
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.config.interpret_channels import InterpretChannels
from sparse_circuits.config.site import Site
from sparse_circuits.interpret.channels import describe_channels, read_channels
from sparse_circuits.interpret.circuits import site_nodes
from sparse_circuits.models.load import load_model, model_card
from sparse_circuits.sources.images import read_classes, read_images


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    images: Path  # HDF5 file of images; those for training are described
    circuits: list[Path]  # circuit.json of each task
    folder: Folder  # where to write <site>.json


def step(files: Files, settings: InterpretChannels, compute: Compute) -> None:
    """Describe the channels of a study's circuits: the images and places where each is high, and their classes."""
    model = load_model(files.model, compute.start())
    images, classes = read_images(files.images, "train"), read_classes(files.images)
    circuits = [ScoredCircuit.read(path) for path in files.circuits]
    nodes = {Site.parse(site): site_nodes(circuits, site) for site in settings.sites}
    card = model_card(files.model)
    hashes = {"model": card["sha256"]["model.safetensors"], "images": sha256(files.images)}
    for site, firing in read_channels(model, images, len(classes), nodes).items():
        described = describe_channels(model, site, list(nodes[site]), firing, settings.contexts)
        joined = zip(described, nodes[site].values(), strict=True)
        Interpretation(
            study=settings.study,
            site=str(site),
            model=card["name"],
            corpus=files.images.parent.name,
            tokens=firing.tokens,
            held_out_tokens=int(firing.cached[firing.judged].sum()),
            grid=model.grid(site),
            sha256=hashes,
            nodes=[InterpretedNode(**note.plain(), **where.plain()) for note, where in joined],
        ).write(files.folder / f"{site}.json")
        print(f"{site}: {len(described)} channels")
