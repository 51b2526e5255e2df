"""Train a small Vision Transformer, dense or with almost all weights zero, and measure its accuracy on test images."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.weight_sparse import VisionTransformerEntry
from sparse_circuits.errors import StudyError
from sparse_circuits.files import sha256
from sparse_circuits.fingerprint import fingerprint
from sparse_circuits.models.pictures import save_tokenizer, to_tokens
from sparse_circuits.sources.images import read_classes, read_images
from sparse_circuits.weight_sparse.arguments import TrainingArguments
from sparse_circuits.weight_sparse.folder import count_weights, new_vision_model, save_model
from sparse_circuits.weight_sparse.images import BATCH, accuracy, augmented
from sparse_circuits.weight_sparse.training import Recipe, held_out_loss, train


@dataclass(frozen=True, kw_only=True)
class Arguments(TrainingArguments):
    images: Path
    """HDF5 file of images"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    entry = validate(VisionTransformerEntry, args.entry, f"model {args.name}")
    classes = read_classes(args.images)
    data, test = (read_images(args.images, split) for split in ("train", "test"))
    if len(data.images) < entry.batch:
        raise StudyError(f"{args.images}: {len(data.images)} images are less than one batch of {entry.batch}")
    model = new_vision_model(entry, data.images.shape[1:], len(classes), args.seed)
    state = args.resumption.checkpoint(args.entry, args.seed, fingerprint(Path(__file__)), sha256(args.images))
    log = train(
        model,
        augmented(data.images, data.labels, classes, entry, args.seed),
        Recipe.of(entry, entry.images // entry.batch),
        choose_device(args.compute.device),
        state,
    )
    tokens = torch.from_numpy(to_tokens(test.images, test.labels, len(classes))).long()
    losses = {
        "accuracy": accuracy(model, tokens),
        "held_out": held_out_loss(model, tokens, BATCH),
        "images": entry.images // entry.batch * entry.batch,
        "share": entry.share,
        **count_weights(model),
    }
    with tempfile.TemporaryDirectory() as tokenizer:
        save_tokenizer(classes, Path(tokenizer), args.name)
        save_model(model, args.name, Path(tokenizer), args.licence, losses, log, args.folder)
    args.resumption.end()
    print(f"accuracy {losses['accuracy']:.4f}, {losses['nonzero']:,} of {losses['weights']:,} weights")


if __name__ == "__main__":
    program(main, Arguments)
