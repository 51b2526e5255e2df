"""Tokens as texts that people can read, wherever a label, a graph, a figure or a page shows one.

A tokenizer may cut a character into tokens of one or a few bytes. Bytes that are no whole character are spelled in
hexadecimal, ⟨F0 9F⟩, and so are characters that nothing is drawn for: control characters and marks of direction.
"""

import codecs
import re
from collections.abc import Iterable, Sequence

from sparse_circuits.base.types import Tokenizer

BROKEN = "�"  # what a decoder gives for bytes that are no whole character
SPACE = "▁"  # SentencePiece's, which some decoders drop at the begin of a text
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # parts of words and of emoji, but by themselves nothing to see
# GPT-2's letters for bytes: printable ones for themselves, then the others in order from 256.
PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
OTHERS = [byte for byte in range(256) if byte not in PRINTED]
BYTES = {chr(byte): byte for byte in PRINTED} | {chr(256 + n): byte for n, byte in enumerate(OTHERS)}


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """Return the text of one token by itself."""
    text = pieces(tokenizer, [token])[0]
    return text if text.strip(JOINERS) else _spelled(text.encode()) if text else ""


def token_texts(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """Return the text of each token by itself."""
    return [token_text(tokenizer, token) for token in tokens]


def pieces(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[str]:
    """Return texts of a text's tokens that joined are the text: a character of several tokens stands at its last one,
    and the others are empty."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="spelled")
    found = [decoder.decode(_bytes(tokenizer, token)) for token in tokens]
    if found:
        found[-1] += decoder.decode(b"", final=True)
    return [UNSEEN.sub(lambda unseen: _spelled(unseen[0].encode()), text).replace("⟩⟨", " ") for text in found]


def prompt_texts(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[str]:
    """Return a text for each token of a prompt: as `pieces`, with bytes where those show nothing."""
    found = zip(pieces(tokenizer, tokens), tokens, strict=True)
    return [piece if piece.strip(JOINERS) else token_text(tokenizer, token) for piece, token in found]


def _bytes(tokenizer: Tokenizer, token: int) -> bytes:
    text, name = str(tokenizer.decode([token])), str(tokenizer.convert_ids_to_tokens(token))
    if BROKEN in text and (byte := re.fullmatch("<0x([0-9A-F]{2})>", name)):
        return bytes.fromhex(byte[1])
    if BROKEN in text and BYTES.keys() >= set(name):
        return bytes(BYTES[letter] for letter in name)
    return (" " * (name.startswith(SPACE) and not text.startswith(" ")) + text).encode()


def _spelled(unread: bytes) -> str:
    return f"⟨{unread.hex(' ').upper()}⟩"


def _spell(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _spelled(error.object[error.start : error.end]), error.end


codecs.register_error("spelled", _spell)
