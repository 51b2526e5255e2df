"""The architectures that can be trained. A new one is one file and one line here."""

from typing import Any

from sparse_circuits.sae.architectures.base import Architecture, Step
from sparse_circuits.sae.architectures.batch_topk import BatchTopKTrainer
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

__all__ = ["TRAINERS", "Architecture", "Step"]
