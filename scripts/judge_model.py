"""Measure how often a model of images gives the right class."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import sha256, write_json
from sparse_circuits.models.load import load_language_model, model_card
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.models.run import run
from sparse_circuits.sources.images import read_classes, read_images

IMAGES = 16  # in one pass


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    images: Path
    """HDF5 file of images; those for testing are judged"""
    accuracy: Path
    """JSON file to write"""
    crops: int = 1
    """test crops of each photograph, of which the first is the central one"""
    compute: Compute = field(default_factory=Compute)


@torch.no_grad()
def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    language = load_language_model(args.model, choose_device(args.compute.device))
    images, classes = read_images(args.images, "test"), read_classes(args.images)
    tokens = torch.from_numpy(to_tokens(images.images, images.labels, len(classes))).long()
    ranks = []
    for part in tokens.split(IMAGES):
        logits = run(language, part.to(language.device), logits="last").logits
        assert logits is not None
        label = part[:, -1:].to(logits.device)
        ranks.append((logits[:, -1] > logits[:, -1].gather(1, label)).sum(dim=1).cpu())
    rank = torch.cat(ranks)
    central = rank[:: args.crops]
    found = {
        "model": language.name,
        "images": len(central),
        "top1": int((central == 0).sum()),
        "top5": int((central < 5).sum()),
        "crops": len(rank),
        "crops_top1": float((rank == 0).double().mean()),
        "sha256": {"model": model_card(args.model)["sha256"]["model.safetensors"], "images": sha256(args.images)},
    }
    write_json(args.accuracy, found)
    print(f"{found['top1']} of {found['images']} right, {found['top5']} among the first five")


if __name__ == "__main__":
    program(main, Arguments)
