"""Images as texts and as tokens, so that whatever works on prompts works on images.

The text of an image has one Braille pattern a value, row by row, channels last: Unicode has exactly 256 of them. A
vision model's tokenizer is an ordinary one whose tokens are the classes' names, these characters and a separator.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE

from sparse_circuits.base.files import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SEPARATOR = "<|image|>"
LEVELS = 256  # of a pixel
BRAILLE = 0x2800  # the code of the pattern without dots


def to_text(image: NDArray[np.uint8]) -> str:
    """Return the text of an image (height, width, channel)."""
    return "".join(map(chr, (image.ravel().astype(np.int64) + BRAILLE).tolist()))


def to_tokens(images: NDArray[np.uint8], labels: NDArray[np.integer[Any]], classes: int) -> NDArray[np.int32]:
    """Return separator, pixels and class of images (image, height, width, channel): (image, 2 + pixels)."""
    pixels = images.reshape(len(images), -1).astype(np.int32) + classes
    separator = np.full((len(images), 1), classes + LEVELS, dtype=np.int32)
    return np.concatenate([separator, pixels, labels[:, None].astype(np.int32)], axis=1)


def image_tokenizer(classes: Sequence[str]) -> "PreTrainedTokenizerFast":
    """Return a tokenizer of images: the classes, the 256 values of a pixel, the separator."""
    # Imported here: most of what uses this module needs no tokenizer, and transformers takes seconds.
    from transformers import PreTrainedTokenizerFast

    tokens = [*classes, *(chr(BRAILLE + level) for level in range(LEVELS)), SEPARATOR]
    tokenizer = Tokenizer(BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[]))
    # Names are found as wholes; letters by themselves are no tokens, so that a wrong name is none either.
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in classes])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=SEPARATOR, eos_token=SEPARATOR)


def save_tokenizer(classes: Sequence[str], folder: Path, name: str) -> None:
    """Write such a tokenizer, and what of model_card.json it needs."""
    tokenizer = image_tokenizer(classes)
    tokenizer.save_pretrained(folder)
    separator_id = tokenizer.convert_tokens_to_ids(SEPARATOR)
    card = {"name": name, "document_separator": SEPARATOR, "document_separator_id": separator_id}
    write_json(folder / "model_card.json", card)
