"""Byte-level BPE tokenizers that cut text as GPT-2's does: no token joins letters with punctuation."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def byte_level(bpe: models.BPE) -> Tokenizer:
    """Return a tokenizer of a BPE, trained or to be trained."""
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
