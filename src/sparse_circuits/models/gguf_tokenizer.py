"""How a GGUF file's byte-level tokenizer cuts texts: the file names the way, and transformers knows only some."""

from pathlib import Path
from typing import TYPE_CHECKING

from gguf import GGUFReader
from tokenizers import pre_tokenizers
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from sparse_circuits.base.errors import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AS_GPT2 = ("default", "gpt-2", "gpt2")
# As GPT-2, but each digit by itself (llama.cpp, src/llama-vocab.cpp).
DIGITS_APART = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")


def cut_as_named(tokenizer: "PreTrainedTokenizerFast", file: Path) -> None:
    """Have a tokenizer cut texts in the way that its GGUF file names; StudyError for one that is not known."""
    fields = GGUFReader(file).fields
    if fields["tokenizer.ggml.model"].contents() != "gpt2":
        return  # SentencePiece: nothing is cut
    named = fields["tokenizer.ggml.pre"].contents() if "tokenizer.ggml.pre" in fields else "default"
    if named in DIGITS_APART:
        cuts = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    elif named not in (*AS_GPT2, *GGUF_PRE_TOKENIZER_SPLITS):
        raise StudyError(f"{file.name}: `tokenizer.ggml.pre` is {named}, which is not known; take the original model")
