from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.base.files import Folder, read_jsonl
from sparse_circuits.config.mine_sentences import MineSentences
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.tasks.natural import natural_pairs
from sparse_circuits.tasks.pair import write_pairs


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model whose tokenizer to use
    documents: Path  # documents of the corpus
    sequences: Path  # sequences of the activation cache: documents that autoencoders were trained on are left out
    fit: Path  # JSON lines to write
    judge: Path  # JSON lines to write


def step(files: Files, settings: MineSentences) -> None:
    """Mine the corpus for beginnings of sentences that stop where a verb shows the subject's number."""
    texts = [row["text"] for row in read_jsonl(files.documents)]
    used = set(read_sequences(files.sequences, "train").document.tolist())
    lengths = range(settings.shortest, settings.longest + 1)
    halves = natural_pairs(texts, used, lengths, settings.sentences, settings.seed, load_tokenizer(files.model))
    for path, pairs in zip((files.fit, files.judge), halves, strict=True):
        write_pairs(path, pairs)
