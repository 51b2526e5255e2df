"""A byte-level BPE of our own, for models that are trained from nothing."""

from pathlib import Path

from tokenizers import pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing_folder, read_jsonl, sha256, write_json
from sparse_circuits.models.byte_level import byte_level

SEPARATOR = "<|endoftext|>"


def train_tokenizer(documents: Path, vocabulary: int, name: str, folder: Path) -> None:
    """Train a BPE of `vocabulary` tokens on documents.jsonl; publish tokenizer and model_card.json in a folder.

    Token 0 separates documents. The same documents give the same tokens. Raises StudyError when the corpus is too small
    for so many tokens.
    """
    tokenizer = byte_level(BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[SEPARATOR],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((row["text"] for row in read_jsonl(documents)), trainer)
    if tokenizer.get_vocab_size() < vocabulary:
        raise StudyError(
            f"{documents}: gives {tokenizer.get_vocab_size()} tokens, {vocabulary} wanted; lower `vocabulary`"
        )
    with publishing_folder(folder) as temporary:
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=SEPARATOR, eos_token=SEPARATOR)
        fast.save_pretrained(temporary)
        write_json(
            temporary / "model_card.json",
            {
                "name": name,
                "document_separator": SEPARATOR,
                "document_separator_id": 0,
                "sha256": {path.name: sha256(path) for path in sorted(temporary.iterdir())},
            },
        )
