"""Prompts as tokens."""

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer


def prompt_tokens(text: str, tokenizer: Tokenizer, separator_id: int) -> list[int]:
    """Return the tokens of a prompt, the separator first.

    Raises StudyError for a prompt with the separator in it, or longer than the model has positions.
    """
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    if separator_id in ids:
        raise StudyError(
            f"the prompt {text[:60]!r} holds the document separator {tokenizer.decode([separator_id])!r}, which is put "
            "before each prompt; leave it out"
        )
    if len(ids) >= tokenizer.model_max_length:
        raise StudyError(
            f"the prompt {text[:60]!r} is {1 + len(ids)} tokens with the separator, the model has positions for "
            f"{tokenizer.model_max_length}; shorten it"
        )
    return [separator_id, *ids]
