from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import read_sequences, sequences_attributes
from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.base.checkpoint import Resumption
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder
from sparse_circuits.base.fingerprint import fingerprint
from sparse_circuits.config.train_transformer import TrainTransformer
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.weight_sparse.folder import count_weights, new_model, save_model
from sparse_circuits.weight_sparse.training import held_out_loss, in_random_order, train


@dataclass(frozen=True)
class Files:
    sequences: Path  # HDF5 file of token sequences
    tokenizer: Folder  # folder of the tokenizer
    folder: Folder  # folder to write, whose name is the model's


def step(files: Files, settings: TrainTransformer, resumption: Resumption, compute: Compute) -> None:
    """Train a transformer with almost all weights zero, or a dense one, and measure its loss on held-out documents."""
    entry, device = settings.entry, compute.start()
    data, held_out = (
        torch.from_numpy(read_sequences(files.sequences, split).token_id).long() for split in ("train", "held_out")
    )
    if len(data) < entry.batch:
        raise StudyError(f"{files.sequences}: {len(data)} sequences are less than one batch of {entry.batch}")
    model = new_model(entry, len(load_tokenizer(files.tokenizer)), data.shape[1], settings.seed)
    steps = entry.tokens // (entry.batch * data.shape[1])
    decisive = settings.model_dump(mode="json"), fingerprint(Path(__file__)), sequences_attributes(files.sequences)
    state = resumption.checkpoint(*decisive)
    log = train(model, in_random_order(data, entry.batch, settings.seed), entry, steps, device, state)
    losses = ModelLosses(
        held_out=held_out_loss(model, held_out, entry.batch),
        tokens=steps * entry.batch * data.shape[1],
        share=entry.share,
        **count_weights(model),
    )
    save_model(model, files.folder.name, files.tokenizer, settings.licence, losses, log, files.folder)
    resumption.end()
    print(f"held-out loss {losses.held_out:.3f} nats, {losses.nonzero:,} of {losses.weights:,} weights")
