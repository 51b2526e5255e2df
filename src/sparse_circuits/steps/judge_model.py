from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.artefacts.model_accuracy import ModelAccuracy, ModelHashes
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.config.judge_model import JudgeModel
from sparse_circuits.models.load import load_model, model_card
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.models.ranks import class_ranks
from sparse_circuits.sources.images import read_classes, read_images


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    images: Path  # HDF5 file of images; those for testing are judged
    accuracy: Path  # JSON file to write


def step(files: Files, settings: JudgeModel, compute: Compute) -> None:
    """Measure how often a model of images gives the right class."""
    model = load_model(files.model, compute.start())
    images, classes = read_images(files.images, "test"), read_classes(files.images)
    rank = class_ranks(model, torch.from_numpy(to_tokens(images.images, images.labels, len(classes))).long())
    central = rank[:: settings.crops]
    found = ModelAccuracy(
        model=model.name,
        images=len(central),
        top1=int((central == 0).sum()),
        top5=int((central < 5).sum()),
        crops=len(rank),
        crops_top1=float((rank == 0).double().mean()),
        sha256=ModelHashes(model=model_card(files.model)["sha256"]["model.safetensors"], images=sha256(files.images)),
    )
    found.write(files.accuracy)
    print(f"{found.top1} of {found.images} right, {found.top5} among the first five")
