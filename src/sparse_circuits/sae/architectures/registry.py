"""The architectures that can be trained. A new one is one file and one line here."""

from collections.abc import Sequence
from typing import Any

import torch

from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.architectures.batch_topk import BatchTopKTrainer
from sparse_circuits.sae.architectures.cross_layer import CrossLayer
from sparse_circuits.sae.architectures.gated import GatedTrainer
from sparse_circuits.sae.architectures.jumprelu import JumpReLUTrainer
from sparse_circuits.sae.architectures.matryoshka import MatryoshkaTrainer
from sparse_circuits.sae.architectures.p_anneal import PAnnealTrainer
from sparse_circuits.sae.architectures.standard import StandardTrainer
from sparse_circuits.sae.architectures.topk import TopKTrainer

TRAINERS: dict[str, type[Architecture[Any]]] = {
    "batch_topk": BatchTopKTrainer,
    "gated": GatedTrainer,
    "jumprelu": JumpReLUTrainer,
    "matryoshka": MatryoshkaTrainer,
    "p_anneal": PAnnealTrainer,
    "standard": StandardTrainer,
    "topk": TopKTrainer,
}


def build_trainer(
    config: Trained, reads: Sequence[int], writes: Sequence[int], generator: torch.Generator
) -> Architecture[Any] | CrossLayer:
    """Return what `config` asks for, for sites of the widths that are read and written, with random weights."""
    trainer = TRAINERS[config.architecture]
    match config.kind:
        case "autoencoder" | "crosscoder":
            return trainer(sum(reads), config, generator, widths=reads)
        case "transcoder" | "skip_transcoder":
            return trainer(sum(reads), config, generator, d_out=sum(writes))
        case "cross_layer_transcoder":
            return CrossLayer(trainer, reads, writes, config, generator)
