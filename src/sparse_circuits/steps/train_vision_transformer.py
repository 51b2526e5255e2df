import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.base.checkpoint import Resumption
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.base.fingerprint import fingerprint
from sparse_circuits.config.train_vision_transformer import TrainVisionTransformer
from sparse_circuits.models.pictures import save_tokenizer, to_tokens
from sparse_circuits.sources.images import read_classes, read_images
from sparse_circuits.weight_sparse.folder import count_weights, new_vision_model, save_model
from sparse_circuits.weight_sparse.images import BATCH, accuracy, augmented
from sparse_circuits.weight_sparse.training import held_out_loss, train


@dataclass(frozen=True)
class Files:
    images: Path  # HDF5 file of images
    folder: Folder  # folder to write, whose name is the model's


def step(files: Files, settings: TrainVisionTransformer, resumption: Resumption, compute: Compute) -> None:
    """Train a small Vision Transformer, dense or with almost all weights zero; measure its accuracy on test images."""
    entry, device = settings.entry, compute.start()
    classes = read_classes(files.images)
    data, test = (read_images(files.images, split) for split in ("train", "test"))
    if len(data.images) < entry.batch:
        raise StudyError(f"{files.images}: {len(data.images)} images are less than one batch of {entry.batch}")
    model = new_vision_model(entry, data.images.shape[1:], len(classes), settings.seed)
    batches = augmented(data.images, data.labels, classes, entry, settings.seed)
    decisive = settings.model_dump(mode="json"), fingerprint(Path(__file__)), sha256(files.images)
    steps = entry.images // entry.batch
    log = train(model, batches, entry, steps, device, resumption.checkpoint(*decisive))
    tokens = torch.from_numpy(to_tokens(test.images, test.labels, len(classes))).long()
    losses = ModelLosses(
        accuracy=accuracy(model, tokens),
        held_out=held_out_loss(model, tokens, BATCH),
        images=steps * entry.batch,
        share=entry.share,
        **count_weights(model),
    )
    name = files.folder.name
    with tempfile.TemporaryDirectory() as tokenizer:
        save_tokenizer(classes, Path(tokenizer), name)
        save_model(model, name, Path(tokenizer), settings.licence, losses, log, files.folder)
    resumption.end()
    print(f"accuracy {losses.accuracy:.4f}, {losses.nonzero:,} of {losses.weights:,} weights")
