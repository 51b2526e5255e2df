"""Pairs of prompts as tokens."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer, Tokens
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.tasks.pair import Pair


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one length: tokens (pair, position) that begin with the separator; answer token ids (pair, answer).

    Answer sets of unequal size are filled up with -1.
    """

    clean: Tokens
    patch: Tokens
    answers: Tensor
    patch_answers: Tensor

    def __len__(self) -> int:
        return len(self.clean)

    def to(self, device: torch.device) -> "PairBatch":
        """Move all tensors to a device."""
        return PairBatch(*(getattr(self, f.name).to(device) for f in fields(self)))

    def repeat(self, times: int) -> "PairBatch":
        """Repeat all pairs, one whole round after the other."""
        return PairBatch(*(getattr(self, f.name).repeat(times, 1) for f in fields(self)))

    def take(self, rows: Sequence[int]) -> "PairBatch":
        """Return the pairs of some rows, in that order."""
        return PairBatch(*(getattr(self, f.name)[list(rows)] for f in fields(self)))

    def split(self, size: int) -> list["PairBatch"]:
        """Cut into batches of at most `size` pairs."""
        return [
            PairBatch(*parts) for parts in zip(*(getattr(self, f.name).split(size) for f in fields(self)), strict=True)
        ]


Groups = Sequence[tuple[list[int], PairBatch]]  # of one length each: the pairs' numbers, and their tokens


def in_batches(groups: Groups, size: int) -> Groups:
    """Return the groups cut into batches of at most `size` pairs."""
    return [
        (indices[number * size : (number + 1) * size], part)
        for indices, whole in groups
        for number, part in enumerate(whole.split(size))
    ]


def encode_pairs(
    pairs: list[Pair], tokenizer: Tokenizer, separator_id: int, differ: bool = True
) -> list[tuple[list[int], PairBatch]]:
    """Tokenise pairs; return, for each length, the indices of the pairs that have it and their batch.

    Raises StudyError that names the pair when clean and patch differ in length or, unless not `differ`, in nothing,
    when an answer is not one token, or two are the same one, and when a prompt is none (`models.prompts`).
    """
    groups: dict[int, list[int]] = defaultdict(list)
    encoded: list[tuple[list[int], list[int], list[int], list[int]]] = []
    for index, pair in enumerate(pairs):
        try:
            clean, patch = (prompt_tokens(text, tokenizer, separator_id) for text in (pair.clean, pair.patch))
        except StudyError as error:
            raise StudyError(f"pair {pair.id}: {error}") from None
        if len(clean) != len(patch):
            raise StudyError(
                f"pair {pair.id}: `clean` has {len(clean) - 1} tokens and `patch` {len(patch) - 1}; "
                f"they must be equal ({pair.clean!r}, {pair.patch!r})"
            )
        answers, patch_answers = (
            [_single_token(pair.id, answer, tokenizer) for answer in texts]
            for texts in (pair.answers, pair.patch_answers)
        )
        if differ and clean == patch:
            raise StudyError(f"pair {pair.id}: `clean` and `patch` are the same tokens; one fact must differ")
        if len({*answers, *patch_answers}) < len(answers) + len(patch_answers):
            texts = [*pair.answers, *pair.patch_answers]
            raise StudyError(f"pair {pair.id}: two of the answers {texts} are the same token; name each once")
        groups[len(clean)].append(index)
        encoded.append((clean, patch, answers, patch_answers))
    padded = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True, padding_value=-1)
    return [
        (indices, PairBatch(*(padded([torch.tensor(encoded[i][part]) for i in indices]) for part in range(4))))
        for _, indices in sorted(groups.items())
    ]


def _single_token(name: str, answer: str, tokenizer: Tokenizer) -> int:
    ids = tokenizer.encode(answer, add_special_tokens=False)
    if len(ids) != 1:
        raise StudyError(
            f"pair {name}: answer {answer!r} is {len(ids)} tokens {tokenizer.convert_ids_to_tokens(ids)}; answers must "
            "be single tokens (mind the leading space)"
        )
    return int(ids[0])
