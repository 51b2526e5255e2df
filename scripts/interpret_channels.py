"""Describe the channels of a study's circuits: the images and places where each is high, and their classes."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.site import Site
from sparse_circuits.files import sha256, write_json
from sparse_circuits.interpret.channels import read_channels
from sparse_circuits.interpret.circuits import site_nodes
from sparse_circuits.interpret.images import describe_on_images
from sparse_circuits.models.load import load_language_model, load_tokenizer, model_card
from sparse_circuits.sources.images import read_classes, read_images


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    model: Path
    """folder of the model"""
    images: Path
    """HDF5 file of images; those for training are described"""
    circuits: list[Path]
    """circuit.json of each task"""
    sites: list[str]
    """sites to describe"""
    folder: Path
    """where to write <site>.json"""
    contexts: int = 10
    """top images a channel"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    language = load_language_model(args.model, choose_device(args.compute.device))
    tokenizer, card = load_tokenizer(args.model), model_card(args.model)
    images, classes = read_images(args.images, "train"), read_classes(args.images)
    nodes = {Site.parse(site): site_nodes(args.circuits, site) for site in args.sites}
    found = read_channels(language, images, len(classes), {site: list(nodes[site]) for site in nodes})
    hashes = {"model": card["sha256"]["model.safetensors"], "images": sha256(args.images)}
    for site, firing in found.items():
        grid, channels = language.grid(site), list(nodes[site])
        # Only what the last layer writes is read by the unembedding as it is.
        is_last = site.layer == language.num_layers - 1
        written = torch.eye(language.width(site))[channels] if is_last else None
        described = describe_on_images(language, tokenizer, site, written, channels, firing, grid, args.contexts)
        facts = {
            "study": args.study,
            "site": str(site),
            "model": card["name"],
            "corpus": args.images.parent.name,
            "tokens": firing.tokens,
            "held_out_tokens": int(firing.cached[firing.judged].sum()),
            "grid": list(grid),
            "sha256": hashes,
        }
        listed = [{**note, **nodes[site][index]} for index, note in zip(channels, described, strict=True)]
        write_json(args.folder / f"{site}.json", {**facts, "nodes": listed})
        print(f"{site}: {len(listed)} channels")


if __name__ == "__main__":
    program(main, Arguments)
