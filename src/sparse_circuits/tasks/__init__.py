"""Behaviours as pairs of prompts with a metric."""

from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.code import code_pairs
from sparse_circuits.tasks.drawn import drawn
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, Pair, PairBatch, encode_pairs, in_batches, read_pairs, write_pairs

__all__ = [
    "Groups",
    "Pair",
    "PairBatch",
    "agreement_pairs",
    "code_pairs",
    "drawn",
    "encode_pairs",
    "in_batches",
    "logit_difference",
    "read_pairs",
    "write_pairs",
]
