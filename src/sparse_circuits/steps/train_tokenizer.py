from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.files import Folder
from sparse_circuits.config.train_tokenizer import TrainTokenizer
from sparse_circuits.weight_sparse.tokenizer import train_tokenizer


@dataclass(frozen=True)
class Files:
    documents: Path  # documents.jsonl of the corpus
    folder: Folder  # folder to write, whose name is the tokenizer's


def step(files: Files, settings: TrainTokenizer) -> None:
    """Train a byte-level BPE on a corpus."""
    train_tokenizer(files.documents, settings.vocabulary, files.folder.name, files.folder)
