"""Train a transformer with almost all weights zero, or a dense one, and measure its loss on held-out documents."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import read_sequences, sequences_attributes
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.weight_sparse import Transformer
from sparse_circuits.errors import StudyError
from sparse_circuits.fingerprint import fingerprint
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.weight_sparse.arguments import TrainingArguments
from sparse_circuits.weight_sparse.folder import count_weights, new_model, save_model
from sparse_circuits.weight_sparse.training import Recipe, held_out_loss, in_random_order, train


@dataclass(frozen=True, kw_only=True)
class Arguments(TrainingArguments):
    sequences: Path
    """HDF5 file of token sequences"""
    tokenizer: Path
    """folder of the tokenizer"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    entry = validate(Transformer, args.entry, f"model {args.name}")
    device = choose_device(args.compute.device)
    data, held_out = (
        torch.from_numpy(read_sequences(args.sequences, split).token_id).long() for split in ("train", "held_out")
    )
    if len(data) < entry.batch:
        raise StudyError(f"{args.sequences}: {len(data)} sequences are less than one batch of {entry.batch}")
    model = new_model(entry, len(load_tokenizer(args.tokenizer)), data.shape[1], args.seed)
    recipe = Recipe.of(entry, entry.tokens // (entry.batch * data.shape[1]))
    state = args.resumption.checkpoint(
        args.entry, args.seed, fingerprint(Path(__file__)), sequences_attributes(args.sequences)
    )
    log = train(model, in_random_order(data, entry.batch, args.seed), recipe, device, state)
    losses = {
        "held_out": held_out_loss(model, held_out, entry.batch),
        "tokens": recipe.steps * entry.batch * data.shape[1],
        "share": entry.share,
        **count_weights(model),
    }
    save_model(model, args.name, args.tokenizer, args.licence, losses, log, args.folder)
    args.resumption.end()
    print(f"held-out loss {losses['held_out']:.3f} nats, {losses['nonzero']:,} of {losses['weights']:,} weights")


if __name__ == "__main__":
    program(main, Arguments)
