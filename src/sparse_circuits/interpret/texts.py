"""Tokens as text."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BROKEN = "�"  # what stands for bytes that are no whole letter


def token_texts(tokenizer: "PreTrainedTokenizerBase", token_id: NDArray[np.int32]) -> dict[int, str]:
    """Return the text of each token that occurs."""
    return {i: str(tokenizer.decode([i])) for i in np.unique(token_id).tolist()}


def pieces(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[str]:
    """Return a text for each token, which joined are the text of all: a letter of several tokens stands at its last."""
    found: list[str] = []
    begin = 0
    for end in range(1, len(ids) + 1):
        text = str(tokenizer.decode(ids[begin:end]))
        whole = not text.endswith(BROKEN) or end == len(ids)
        found.append(text if whole else "")
        begin = end if whole else begin
    return found
