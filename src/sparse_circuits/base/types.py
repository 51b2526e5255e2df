"""Types that annotations name, and that would take seconds to import."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer
else:
    Tokenizer = Any

__all__ = ["Tokenizer"]
